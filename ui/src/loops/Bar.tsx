// The bar at the bottom: push-to-talk, and what belongs to it.

import { Icon } from "../shared/Icons.tsx";
import { LevelBar } from "../shared/DeviceParts.tsx";
import { QualityMark } from "../shared/QualityMark.tsx";
import { meterShare } from "../shared/speaking.ts";
import type { Board } from "./board.ts";
import { keyName } from "./keyboard.ts";
import type { Station } from "./station.ts";
import { listNames } from "./words.ts";

export function Bar({ station, board }: { station: Station; board: Board }) {
  const latching = station.settings.latching.value === "yes";
  const muted = station.muted.value;
  return (
    <section class="bar" aria-label="Talking and listening">
      <button
        type="button"
        class="side"
        data-testid="mute-all"
        aria-pressed={muted}
        title="Hear nothing of any loop, until pressed again"
        onClick={() => (station.muted.value = !muted)}
      >
        <Icon name={muted ? "speakerOff" : "speaker"} />
        <span>{muted ? "Muted" : "Mute all"}</span>
      </button>
      <Talk station={station} board={board} />
      <button
        type="button"
        class="side"
        data-testid="latch"
        aria-pressed={latching}
        title="Press once to talk and once to stop, instead of holding"
        onClick={() => (station.settings.latching.value = latching ? "no" : "yes")}
      >
        <Icon name="lock" />
        <span>{latching ? "Latching" : "Latch"}</span>
      </button>
      <Level station={station} />
    </section>
  );
}

/** Pointers of any kind hold it: a mouse button, a finger, a pen. The keyboard presses it as any button. */
function Talk({ station, board }: { station: Station; board: Board }) {
  const onAir = station.onAir.value;
  const open = station.ptt.open.value;
  const loops = board.talkLoops.value.map((l) => l.name);
  const latching = station.settings.latching.value === "yes";
  const release = (): void => station.ptt.release("pointer");
  return (
    <button
      type="button"
      class="talk"
      data-testid="ptt"
      data-open={open}
      aria-pressed={open}
      aria-label={`${latching ? "Press to talk, press again to stop" : "Push to talk"}${loops.length > 0 ? `, on ${loops.join(", ")}` : ", no loop chosen"}`}
      onPointerDown={(e) => {
        if (e.button !== 0) return;
        // The release counts wherever the pointer has gone meanwhile.
        e.currentTarget.setPointerCapture(e.pointerId);
        station.ptt.press("pointer");
      }}
      onPointerUp={release}
      onPointerCancel={release}
      onLostPointerCapture={release}
      onClick={(e) => {
        if (e.detail === 0) station.ptt.toggle();
      }}
      onContextMenu={(e) => e.preventDefault()}
      onKeyDown={(e) => {
        if (e.key !== "Enter") return;
        e.preventDefault();
        if (!e.repeat) station.ptt.press("button");
      }}
      onKeyUp={(e) => {
        if (e.key === "Enter") station.ptt.release("button");
      }}
      onBlur={() => station.ptt.release("button")}
    >
      <Icon name={onAir ? "wave" : "microphone"} />
      <span class="talk-words">
        <strong>{onAir ? "On air" : latching ? "Press to talk" : "Hold to talk"}</strong>
        <span class="talk-where">{loops.length === 0 ? "no loop chosen" : `${onAir ? "" : "to "}${listNames(loops, 3)}`}</span>
      </span>
      <kbd>{keyName(station.settings.pttKey.value)}</kbd>
    </button>
  );
}

function Level({ station }: { station: Station }) {
  const open = station.devices.microphoneOn.value;
  return (
    <div class="level bar-level">
      <Icon name={open ? "microphone" : "microphoneOff"} />
      {open ? <LevelBar share={meterShare(station.level.value)} /> : <span>No microphone</span>}
      <QualityMark quality={station.quality.value} />
    </div>
  );
}
