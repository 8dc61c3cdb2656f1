// What the keys of the keyboard do.

import { Modal } from "../shared/Modal.tsx";
import { keyName } from "./keyboard.ts";
import type { Station } from "./station.ts";

export function Help({ station }: { station: Station }) {
  const rows: [string, string][] = [
    [keyName(station.settings.pttKey.value), "Push to talk (another key or a foot switch: see Settings)"],
    ["1 … 9, 0", "Monitor the first to the tenth loop of the page, or stop"],
    ["Shift 1 … 0", "Talk on it, or stop"],
    ["Arrows", "Go from key to key"],
    ["Enter", "Monitor the loop in focus, or stop"],
    ["T", "Talk on the loop in focus, or stop"],
    ["+ −", "Louder and softer, for the loop in focus"],
    ["Page up, down", "The page before, the next page"],
    ["M", "Mute all loops, or hear them again"],
    ["L", "Latch: press once to talk, once to stop"],
    ["?", "Show these keys"],
  ];
  return (
    <Modal title="Keyboard" onClose={() => (station.dialog.value = "none")}>
      <table class="keys">
        <tbody>
          {rows.map(([key, what]) => (
            <tr key={what}>
              <th scope="row">
                <kbd>{key}</kbd>
              </th>
              <td>{what}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </Modal>
  );
}
