// Headset, push-to-talk and how the panel looks.

import { signal, type Signal } from "@preact/signals";
import { useEffect, useId, useMemo } from "preact/hooks";
import { Choice, LevelBar } from "../shared/DeviceParts.tsx";
import { canChooseSpeaker } from "../shared/devices.ts";
import { deviceWords } from "../shared/deviceWords.ts";
import { Icon } from "../shared/Icons.tsx";
import { Modal } from "../shared/Modal.tsx";
import { meterShare } from "../shared/speaking.ts";
import { keyName, mayBePtt } from "./keyboard.ts";
import { layouts, type Layout } from "./settings.ts";
import { testTone } from "./sound.ts";
import type { Station } from "./station.ts";

const layoutWords: Record<Layout, string> = { auto: "As the window allows", desk: "Desk", wall: "Wall: names and talkers, large", phone: "Phone: one column" };

export function SettingsDialog({ station }: { station: Station }) {
  return (
    <Modal title="Settings" onClose={() => (station.dialog.value = "none")}>
      <Headset station={station} />
      <h3>Push to talk</h3>
      <PttKey station={station} />
      <Switch value={station.settings.latching} words="Latch: press once to talk, once to stop" />
      <Switch value={station.settings.alone} words="Talk on one loop at a time" />
      <h3>Panel</h3>
      <LayoutChoice value={station.settings.layout} />
      <Switch value={station.settings.shortcuts} words="Use single keys (push-to-talk works without)" />
      <button type="button" class="quiet" onClick={() => (station.dialog.value = "help")}>
        Keyboard
      </button>
    </Modal>
  );
}

function Headset({ station }: { station: Station }) {
  const { devices } = station;
  const testing = useMemo(() => signal(false), []);
  const trouble = devices.trouble.microphone.value;
  const microphone = devices.tracks.microphone.value?.getSettings().deviceId ?? devices.chosen.microphone.value;
  const test = async (): Promise<void> => {
    testing.value = true;
    try {
      await testTone(devices.chosen.speaker.peek());
    } catch {
      station.notices.show("The tone cannot be played. Choose another speaker.", "warning");
    } finally {
      testing.value = false;
    }
  };
  return (
    <div class="choices">
      <h3>Headset</h3>
      <Choice label="Microphone" options={devices.named("microphone")} chosen={microphone} onChoose={(id) => void devices.choose("microphone", id)} />
      {trouble && (
        <>
          <p class="trouble" role="alert">
            {deviceWords(trouble)}
          </p>
          <button type="button" class="quiet" onClick={() => void devices.turn("microphone", true)}>
            Try the microphone again
          </button>
        </>
      )}
      <div class="level">
        <Icon name={devices.microphoneOn.value ? "microphone" : "microphoneOff"} />
        <LevelBar share={devices.microphoneOn.value ? meterShare(station.level.value) : 0} />
      </div>
      {canChooseSpeaker && (
        <Choice label="Speaker" options={devices.named("speaker")} chosen={devices.chosen.speaker.value} onChoose={(id) => devices.chooseSpeaker(id)} />
      )}
      <button type="button" class="quiet" data-testid="test-tone" data-testing={testing.value} aria-disabled={testing.value} onClick={() => void (testing.peek() || test())}>
        <Icon name="speaker" />
        {testing.value ? "You should hear a tone…" : "Play a test tone"}
      </button>
    </div>
  );
}

/** Waits for a key, or for a foot switch that sends one. */
function PttKey({ station }: { station: Station }) {
  const { pttKey } = station.settings;
  const waiting = useMemo(() => signal(false), []);
  useEffect(() => {
    if (!waiting.value) return undefined;
    const take = (event: KeyboardEvent): void => {
      event.preventDefault();
      event.stopImmediatePropagation();
      if (mayBePtt(event.code)) pttKey.value = event.code;
      waiting.value = false;
    };
    addEventListener("keydown", take, { capture: true });
    return () => removeEventListener("keydown", take, { capture: true });
  }, [waiting.value]);
  return (
    <div class="ptt-key">
      <span>
        Key or foot switch: <kbd>{keyName(pttKey.value)}</kbd>
      </span>
      <button type="button" class="quiet" data-testid="ptt-key" aria-live="polite" onClick={() => (waiting.value = !waiting.peek())}>
        {waiting.value ? "Press it now…" : "Change"}
      </button>
    </div>
  );
}

function LayoutChoice({ value }: { value: Signal<Layout> }) {
  const id = useId();
  return (
    <div class="choice">
      <label for={id}>Layout</label>
      <select id={id} data-testid="layout" value={value.value} onChange={(e) => (value.value = e.currentTarget.value as Layout)}>
        {layouts.map((layout) => (
          <option key={layout} value={layout}>
            {layoutWords[layout]}
          </option>
        ))}
      </select>
    </div>
  );
}

function Switch({ value, words }: { value: Signal<"yes" | "no">; words: string }) {
  return (
    <label class="switch">
      <input type="checkbox" checked={value.value === "yes"} onChange={(e) => (value.value = e.currentTarget.checked ? "yes" : "no")} />
      <span>{words}</span>
    </label>
  );
}
