// The room: its head, the tiles, the chat beside them and the controls below.

import { useEffect, useRef } from "preact/hooks";
import { Chat } from "./Chat.tsx";
import { Controls } from "./Controls.tsx";
import { Grid } from "./Grid.tsx";
import { keepAwake } from "../shared/awake.ts";
import { Icon } from "../shared/Icons.tsx";
import type { Room } from "./room.ts";
import type { Visit } from "./visit.ts";

export function InRoom({ visit, room }: { visit: Visit; room: Room }) {
  const heading = useRef<HTMLHeadingElement>(null);
  useEffect(() => {
    heading.current?.focus();
    document.title = `${room.name} · Switchboard`;
    visit.notices.say(`You joined ${room.name}`);
    return () => (document.title = "Rooms · Switchboard");
  }, [room]);
  useEffect(keepAwake, []);
  const people = room.members.value.length + 1;
  return (
    <div class={visit.panel.value === "chat" ? "room with-chat" : "room"}>
      <header class="room-head">
        <h1 ref={heading} tabIndex={-1}>
          {room.name}
        </h1>
        <span class="count" title={`${people} ${people === 1 ? "person" : "people"} here`}>
          <Icon name="people" />
          <span aria-hidden="true">{people}</span>
          <span class="unseen">{people === 1 ? "Only you are here" : `${people} people are here`}</span>
        </span>
        <button type="button" class="quiet copy" onClick={() => void visit.copyLink()}>
          <Icon name="link" />
          <span>Copy link</span>
        </button>
      </header>
      {room.state.value === "reconnecting" && (
        <p class="banner">
          <span class="spinner" aria-hidden="true" />
          Connection lost. Reconnecting…
        </p>
      )}
      {visit.soundBlocked.value && (
        <button type="button" class="banner action" onClick={() => (visit.soundBlocked.value = false)}>
          The browser holds back the sound. Click here to hear the others.
        </button>
      )}
      <Grid visit={visit} room={room} />
      {visit.panel.value === "chat" && <Chat visit={visit} />}
      <Controls visit={visit} />
    </div>
  );
}
