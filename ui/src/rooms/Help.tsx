// What the keys do, and whether they do it.

import { Modal } from "../shared/Modal.tsx";
import { shortcuts } from "./shortcuts.ts";
import type { Visit } from "./visit.ts";

export function Help({ visit }: { visit: Visit }) {
  return (
    <Modal title="Keyboard" onClose={() => (visit.dialog.value = "none")}>
      <table class="keys">
        <tbody>
          {shortcuts.map(({ key, what }) => (
            <tr key={key}>
              <th scope="row">
                <kbd>{key.toUpperCase()}</kbd>
              </th>
              <td>{what}</td>
            </tr>
          ))}
          <tr>
            <th scope="row">
              <kbd>Esc</kbd>
            </th>
            <td>Close the chat or a dialog</td>
          </tr>
        </tbody>
      </table>
      <ShortcutSwitch visit={visit} />
    </Modal>
  );
}

/** People who speak to their computer, or whose hands hit keys unasked, want single keys off (WCAG 2.1.4). */
export function ShortcutSwitch({ visit }: { visit: Visit }) {
  return (
    <label class="switch">
      <input type="checkbox" checked={visit.shortcuts.value} onChange={(e) => visit.useShortcuts(e.currentTarget.checked)} />
      <span>Use these single keys while I am in a room</span>
    </label>
  );
}
