// The panel: its head, the pages of keys, and the bar with push-to-talk.

import { useEffect, useRef } from "preact/hooks";
import { keepAwake } from "../shared/awake.ts";
import { Icon } from "../shared/Icons.tsx";
import { Bar } from "./Bar.tsx";
import type { Board } from "./board.ts";
import { Key } from "./Key.tsx";
import { playOn } from "./sound.ts";
import type { Station } from "./station.ts";

export function Panel({ station, board }: { station: Station; board: Board }) {
  const heading = useRef<HTMLHeadingElement>(null);
  useEffect(() => {
    heading.current?.focus();
    document.title = `${board.role.name} · Switchboard`;
    return () => (document.title = "Loops · Switchboard");
  }, [board]);
  useEffect(keepAwake, []);
  const page = station.page.value;
  const state = station.desk.state.value;
  return (
    <div class="panel" data-layout={station.layout.value} data-on-air={station.onAir.value}>
      <Head station={station} board={board} heading={heading} />
      {state !== "on" && (
        <p class="banner" role="status">
          <span class="spinner" aria-hidden="true" />
          {state === "reconnecting" ? "Connection lost. Reconnecting; you hear nothing and nobody hears you." : "Connecting your sound…"}
        </p>
      )}
      {station.soundBlocked.value && (
        <button type="button" class="banner action" onClick={() => (station.soundBlocked.value = false)}>
          The browser holds back the sound. Click here to hear the loops.
        </button>
      )}
      {station.muted.value && (
        <button type="button" class="banner action" onClick={() => (station.muted.value = false)}>
          <Icon name="speakerOff" />
          All loops are muted. Click here to hear them again.
        </button>
      )}
      <main class="keys-main">
        {page ? (
          <ul class="keys-grid" aria-label={`Page ${page.number}`} style={{ "--rows": page.rows, "--columns": page.columns }}>
            {page.cells.map((cell, index) => (
              <Key key={`${page.number}/${cell.row}/${cell.column}`} station={station} board={board} cell={cell} index={index} />
            ))}
          </ul>
        ) : (
          <p class="nothing">This role has no loops. Ask your administrator, or choose another role.</p>
        )}
      </main>
      <Bar station={station} board={board} />
      <Sound station={station} />
    </div>
  );
}

function Head({ station, board, heading }: { station: Station; board: Board; heading: { current: HTMLHeadingElement | null } }) {
  const { desk } = station;
  const roles = desk.roles.value;
  const pages = board.pages.value;
  return (
    <header class="panel-head">
      <h1 ref={heading} tabIndex={-1}>
        <span class="unseen">Voice loops of </span>
        {desk.name.value}
      </h1>
      <label class="role-choice">
        <span class="unseen">Role</span>
        <select data-testid="role-choice" value={board.role.id} disabled={roles.length < 2} onChange={(e) => desk.choose(e.currentTarget.value)}>
          {roles.map((role) => (
            <option key={role.id} value={role.id}>
              {role.name}
            </option>
          ))}
        </select>
      </label>
      {pages.length > 1 && (
        <nav class="pages" aria-label="Pages">
          {pages.map((page) => {
            const heard = page.cells.some(({ key }) => key.mode.value !== "off" && board.busy(key));
            return (
              <button
                key={page.number}
                type="button"
                data-testid="page"
                class={heard ? "page-tab heard" : "page-tab"}
                aria-current={page === station.page.value ? "page" : undefined}
                aria-label={`Page ${page.number}${heard ? ", somebody talks" : ""}`}
                onClick={() => station.showPage(page.number)}
              >
                {page.number}
                {heard && <Icon name="wave" />}
              </button>
            );
          })}
        </nav>
      )}
      <span class="head-gap" />
      <button type="button" class="quiet" data-testid="settings" aria-label="Settings" onClick={() => (station.dialog.value = "settings")}>
        <Icon name="settings" />
        <span>Settings</span>
      </button>
      <button type="button" class="quiet" data-testid="sign-out" aria-label="Sign out" onClick={() => void station.signOut()}>
        <Icon name="leave" />
        <span>Sign out</span>
      </button>
    </header>
  );
}

/** Plays what comes in; nothing of it is to be seen. */
function Sound({ station }: { station: Station }) {
  const element = useRef<HTMLAudioElement>(null);
  const voice = station.desk.voice.value;
  const blocked = station.soundBlocked.value;
  const speaker = station.devices.chosen.speaker.value;
  useEffect(() => {
    const audio = element.current;
    if (!audio) return;
    audio.srcObject = voice?.sound ?? null;
    if (!voice || blocked) return;
    audio.play().catch((error: unknown) => {
      if (error instanceof DOMException && error.name === "NotAllowedError") station.soundBlocked.value = true;
    });
  }, [voice, blocked]);
  useEffect(() => {
    if (element.current) void playOn(element.current, speaker);
  }, [speaker]);
  return <audio ref={element} data-testid="sound" />;
}
