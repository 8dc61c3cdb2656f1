// The form before a room: who, where, and with what.

import { useEffect, useRef } from "preact/hooks";
import { DeviceChoice, Preview } from "./Devices.tsx";
import { Icon } from "./Icons.tsx";
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
          <button type="submit" class="primary" data-testid="join" disabled={joining}>
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
  const { microphoneOn, cameraOn } = visit.devices;
  return (
    <div class="preview-toggles">
      <button
        type="button"
        class={microphoneOn.value ? "round" : "round off"}
        aria-label={microphoneOn.value ? "Mute microphone" : "Turn microphone on"}
        title={microphoneOn.value ? "Mute microphone" : "Turn microphone on"}
        onClick={() => visit.toggleMicrophone()}
      >
        <Icon name={microphoneOn.value ? "microphone" : "microphoneOff"} />
      </button>
      <button
        type="button"
        class={cameraOn.value ? "round" : "round off"}
        aria-label={cameraOn.value ? "Turn camera off" : "Turn camera on"}
        title={cameraOn.value ? "Turn camera off" : "Turn camera on"}
        onClick={() => visit.toggleCamera()}
      >
        <Icon name={cameraOn.value ? "camera" : "cameraOff"} />
      </button>
    </div>
  );
}
