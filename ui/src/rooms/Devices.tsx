// Choosing devices, and seeing and hearing that they work.

import type { ComponentChildren } from "preact";
import { useEffect, useRef } from "preact/hooks";
import { canChooseSpeaker, type Kind } from "../shared/devices.ts";
import { Choice, LevelBar } from "../shared/DeviceParts.tsx";
import { deviceWords } from "../shared/deviceWords.ts";
import { Icon } from "../shared/Icons.tsx";
import { Modal } from "../shared/Modal.tsx";
import { meterShare } from "../shared/speaking.ts";
import type { Visit } from "./visit.ts";

export function DevicesDialog({ visit }: { visit: Visit }) {
  return (
    <Modal title="Camera and sound" onClose={() => (visit.dialog.value = "none")}>
      <Preview visit={visit} />
      <DeviceChoice visit={visit} />
      <button
        type="button"
        class="quiet"
        onClick={() => {
          visit.dialog.value = "help";
        }}
      >
        Keyboard shortcuts
      </button>
    </Modal>
  );
}

/** The own camera as a mirror, with the loudness of the microphone below it. */
export function Preview({ visit, children }: { visit: Visit; children?: ComponentChildren }) {
  const track = visit.devices.tracks.camera.value;
  const video = useRef<HTMLVideoElement>(null);
  useEffect(() => {
    if (video.current) video.current.srcObject = track ? new MediaStream([track]) : null;
  }, [track]);
  return (
    <div class="preview">
      <div class="preview-picture">
        <video ref={video} class="mirror" autoplay muted playsInline hidden={!track} aria-label="Your camera" />
        {!track && <p>{pictureWords(visit)}</p>}
        {children}
      </div>
      <LevelMeter visit={visit} />
    </div>
  );
}

function pictureWords(visit: Visit): string {
  if (!visit.willBeOn("camera")) return "Camera is off";
  return visit.state.value === "left" ? "Your camera starts when you join" : "Waiting for the camera…";
}

function LevelMeter({ visit }: { visit: Visit }) {
  const on = visit.willBeOn("microphone");
  const share = on && visit.devices.microphoneOn.value ? meterShare(visit.level.value) : 0;
  return (
    <div class="level">
      <Icon name={on ? "microphone" : "microphoneOff"} />
      <LevelBar share={share} />
    </div>
  );
}

/** The lists of cameras, microphones and, where the browser can, speakers. */
export function DeviceChoice({ visit }: { visit: Visit }) {
  const { devices } = visit;
  return (
    <div class="choices">
      <Choice label="Camera" options={devices.named("camera")} chosen={current(visit, "camera")} onChoose={(id) => void devices.choose("camera", id)} />
      <Trouble visit={visit} kind="camera" />
      <Choice label="Microphone" options={devices.named("microphone")} chosen={current(visit, "microphone")} onChoose={(id) => void devices.choose("microphone", id)} />
      <Trouble visit={visit} kind="microphone" />
      {canChooseSpeaker && (
        <Choice label="Speaker" options={devices.named("speaker")} chosen={devices.chosen.speaker.value} onChoose={(id) => devices.chooseSpeaker(id)} />
      )}
    </div>
  );
}

/** The device in use, which is not the chosen one if that is not there. */
function current(visit: Visit, kind: Kind): string {
  return visit.devices.tracks[kind].value?.getSettings().deviceId ?? visit.devices.chosen[kind].value;
}

function Trouble({ visit, kind }: { visit: Visit; kind: Kind }) {
  const trouble = visit.devices.trouble[kind].value;
  return trouble ? (
    <p class="trouble" role="alert">
      {deviceWords(trouble)}
    </p>
  ) : null;
}
