// One loop's key: its name, what one does on it, who is there and who talks.

import { Icon, type IconName } from "../shared/Icons.tsx";
import type { Cell } from "./arrange.ts";
import type { Board } from "./board.ts";
import type { Loop } from "./loop.ts";
import type { Station } from "./station.ts";
import type { Mode } from "./wire.ts";
import { listNames, modeWords } from "./words.ts";

const modeIcons: Record<Mode, IconName> = { off: "ring", monitor: "headphones", talk: "microphone" };

export function Key({ station, board, cell, index }: { station: Station; board: Board; cell: Cell<Loop>; index: number }) {
  const { client } = board.self;
  const loop = cell.key;
  const mode = loop.mode.value;
  const onAir = mode === "talk" && station.onAir.value;
  const talkers = loop.talkers.value.filter((p) => p.client !== client).map((p) => p.name);
  const presence = loop.presence.value;
  const count = presence?.count ?? 0;
  const people = presence?.people.map((p) => (p.client === client ? "You" : p.name)) ?? [];
  const active = board.busy(loop);
  return (
    <li
      class="key"
      data-testid="loop"
      data-loop={loop.id}
      data-key={index}
      data-mode={mode}
      data-on-air={onAir}
      data-active={active}
      data-talkers={talkers.join()}
      data-people={people.join()}
      data-volume={loop.volume.value}
      style={{ "--row": cell.row, "--column": cell.column, ...(loop.color !== "" && { "--mark": loop.color }) }}
    >
      <button
        type="button"
        class="key-main"
        data-testid="monitor"
        aria-pressed={mode !== "off"}
        aria-busy={loop.wish.value !== undefined}
        aria-label={label(loop.name, mode, talkers, count, people)}
        onClick={() => station.monitor(loop)}
      >
        <span class="key-name">{loop.name}</span>
        <span class="key-mode">
          <Icon name={onAir ? "wave" : modeIcons[mode]} />
          {onAir ? "On air" : modeWords[mode]}
        </span>
        <span class="key-talkers">
          {active && <Icon name="wave" />}
          <span>{talkers.length > 0 ? listNames(talkers, 2) : active ? "Voice" : ""}</span>
        </span>
        <span class="key-people" title={people.join(", ")}>
          <Icon name="people" />
          <span class="key-count">{count}</span>
          <span class="key-names">{people.join(", ")}</span>
        </span>
      </button>
      <div class="key-tools">
        {loop.mayTalk ? (
          <button type="button" class="key-talk" data-testid="talk" aria-pressed={mode === "talk"} aria-label={`Talk on ${loop.name}`} onClick={() => station.talk(loop)}>
            <Icon name="microphone" />
            Talk
          </button>
        ) : (
          <span class="key-listen-only">Listen only</span>
        )}
        <Volume station={station} loop={loop} />
      </div>
    </li>
  );
}

function Volume({ station, loop }: { station: Station; loop: Loop }) {
  const volume = loop.volume.value;
  return (
    <label class="key-volume">
      <Icon name={volume === 0 ? "speakerOff" : "speaker"} />
      <input
        type="range"
        data-testid="volume"
        aria-label={`Volume of ${loop.name}`}
        min={0}
        max={100}
        step={10}
        value={volume}
        onChange={(e) => station.setVolume(loop, Number(e.currentTarget.value))}
      />
      <output aria-hidden="true">{volume}</output>
    </label>
  );
}

function label(name: string, mode: Mode, talkers: string[], count: number, people: string[]): string {
  const does = { off: "off", monitor: "monitored", talk: "monitored, you talk here" }[mode];
  const says = talkers.length > 0 ? `, ${talkers.join(" and ")} talking` : "";
  const there = count === 0 ? ", nobody here" : `, ${count} here${people.length > 0 ? `: ${people.join(", ")}` : ""}`;
  return `${name}, ${does}${says}${there}`;
}
