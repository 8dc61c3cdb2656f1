// The page: the form before a room, the room itself, and what lies over both.

import { useEffect } from "preact/hooks";
import { DevicesDialog } from "./Devices.tsx";
import { Help } from "./Help.tsx";
import { InRoom } from "./InRoom.tsx";
import { Join } from "./Join.tsx";
import { NoticeList, Spoken } from "../shared/NoticeList.tsx";
import { actionOf, type Action } from "./shortcuts.ts";
import type { Visit } from "./visit.ts";

export function App({ visit }: { visit: Visit }) {
  useEffect(() => listenToKeys(visit), [visit]);
  const state = visit.state.value;
  const inRoom = state === "joined" || state === "reconnecting";
  return (
    <div class="app" data-testid="state" data-state={state}>
      {inRoom && visit.room.value ? <InRoom visit={visit} room={visit.room.value} /> : <Join visit={visit} />}
      {visit.dialog.value === "devices" && <DevicesDialog visit={visit} />}
      {visit.dialog.value === "help" && <Help visit={visit} />}
      <NoticeList notices={visit.notices} />
      <Spoken notices={visit.notices} />
    </div>
  );
}

function listenToKeys(visit: Visit): () => void {
  const onKey = (event: KeyboardEvent): void => {
    if (!visit.shortcuts.peek() || visit.dialog.peek() !== "none" || !visit.room.peek()) return;
    const action = actionOf({
      key: event.key,
      ctrlKey: event.ctrlKey,
      altKey: event.altKey,
      metaKey: event.metaKey,
      repeat: event.repeat,
      target: event.target instanceof HTMLElement ? describe(event.target) : null,
    });
    if (!action) return;
    event.preventDefault();
    act(visit, action);
  };
  addEventListener("keydown", onKey);
  return () => removeEventListener("keydown", onKey);
}

function describe(target: HTMLElement): { tagName: string; type: string; isContentEditable: boolean } {
  return {
    tagName: target.tagName,
    type: target instanceof HTMLInputElement ? target.type : "",
    isContentEditable: target.isContentEditable,
  };
}

function act(visit: Visit, action: Action): void {
  switch (action) {
    case "microphone":
    case "camera":
      return visit.toggle(action);
    case "screen":
      return void visit.toggleSharing();
    case "chat":
      return visit.showPanel(visit.panel.peek() === "chat" ? "none" : "chat");
    case "help":
      visit.dialog.value = "help";
  }
}
