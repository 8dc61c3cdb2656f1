// The form before a room: who, where, and with what.

import { useEffect, useRef } from "preact/hooks";
import { DeviceChoice, Preview } from "./Devices.tsx";
import { Icon, type IconName } from "../shared/Icons.tsx";
import type { Visit } from "./visit.ts";

export function Join({ visit }: { visit: Visit }) {
  const joining = visit.state.value === "joining";
  const first = useRef<HTMLInputElement>(null);
  const room = useRef<HTMLInputElement>(null);
  useEffect(() => {
    // Coming back from a room does not open the camera again until it is asked for.
    if (visit.state.peek() === "idle") void visit.devices.start();
    (visit.name.peek() !== "" && visit.roomName.peek() === "" ? room : first).current?.focus();
  }, [visit]);
  const submit = (event: Event): void => {
    event.preventDefault();
    void visit.join();
  };
  return (
    <main class="join">
      <header class="join-head">
        <a class="brand" href="/">
          <img src="/favicon.svg" alt="" width="28" height="28" />
          Switchboard
        </a>
      </header>
      <div class="join-card">
        <section class="join-devices" aria-label="Your camera and microphone">
          <Preview visit={visit}>
            <Toggles visit={visit} />
          </Preview>
          <DeviceChoice visit={visit} />
        </section>
        <form class="join-form" onSubmit={submit}>
          <h1>{visit.state.value === "left" ? "You are out of the room" : "Join a room"}</h1>
          {visit.trouble.value !== "" && (
            <p class="trouble" role="alert">
              {visit.trouble.value}
            </p>
          )}
          <label>
            Your name
            <input
              ref={first}
              data-testid="name"
              name="name"
              autocomplete="name"
              maxLength={64}
              required
              pattern=".*\S.*"
              title="At least one letter"
              value={visit.name.value}
              onInput={(e) => (visit.name.value = e.currentTarget.value)}
            />
          </label>
          <label>
            Room
            <input
              ref={room}
              data-testid="room"
              name="room"
              autocomplete="off"
              autocapitalize="off"
              spellcheck={false}
              maxLength={64}
              required
              pattern=".*\S.*"
              title="At least one letter"
              value={visit.roomName.value}
              onInput={(e) => (visit.roomName.value = e.currentTarget.value)}
            />
          </label>
          <p class="hint">Whoever enters the same name of a room meets you there.</p>
          <button type="submit" class="primary" data-testid="join" aria-disabled={joining}>
            {joining ? "Joining…" : visit.state.value === "left" ? "Join again" : "Join"}
          </button>
          {joining && (
            <button type="button" class="quiet" onClick={() => void visit.leave()}>
              Cancel
            </button>
          )}
        </form>
      </div>
    </main>
  );
}

function Toggles({ visit }: { visit: Visit }) {
  return (
    <div class="preview-toggles">
      <Toggle on={visit.willBeOn("microphone")} icons={["microphone", "microphoneOff"]} words={["Mute microphone", "Turn microphone on"]} onClick={() => visit.toggle("microphone")} />
      <Toggle on={visit.willBeOn("camera")} icons={["camera", "cameraOff"]} words={["Turn camera off", "Turn camera on"]} onClick={() => visit.toggle("camera")} />
    </div>
  );
}

function Toggle(props: { on: boolean; icons: [IconName, IconName]; words: [string, string]; onClick(): void }) {
  const which = props.on ? 0 : 1;
  return (
    <button type="button" class={props.on ? "round" : "round off"} aria-label={props.words[which]} title={props.words[which]} onClick={props.onClick}>
      <Icon name={props.icons[which]} />
    </button>
  );
}
