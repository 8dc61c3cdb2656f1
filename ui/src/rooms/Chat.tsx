// The written conversation beside the spoken one.

import { useEffect, useRef } from "preact/hooks";
import { Icon } from "../shared/Icons.tsx";
import { pieces } from "./links.ts";
import type { ChatLine, Visit } from "./visit.ts";

export function Chat({ visit }: { visit: Visit }) {
  const input = useRef<HTMLTextAreaElement>(null);
  const log = useRef<HTMLDivElement>(null);
  useEffect(() => {
    input.current?.focus();
    return () => document.getElementById("control-chat")?.focus();
  }, []);
  const lines = visit.chat.value;
  useEffect(() => {
    log.current?.scrollTo({ top: log.current.scrollHeight });
  }, [lines]);

  const send = async (): Promise<void> => {
    const field = input.current;
    const text = field?.value.trim() ?? "";
    if (!field || text === "") return;
    field.value = "";
    if (!(await visit.say(text)) && field.value === "") field.value = text;
  };
  const onKey = (event: KeyboardEvent): void => {
    if (event.key === "Enter" && !event.shiftKey && !event.isComposing) {
      event.preventDefault();
      void send();
    }
  };
  return (
    <aside class="chat" aria-label="Chat" onKeyDown={(e) => e.key === "Escape" && visit.showPanel("none")}>
      <header>
        <h2>Chat</h2>
        <button type="button" class="plain" aria-label="Close the chat" onClick={() => visit.showPanel("none")}>
          <Icon name="close" />
        </button>
      </header>
      <div ref={log} class="chat-log" role="log" aria-live="polite" aria-label="Messages" tabIndex={0}>
        {lines.length === 0 && <p class="chat-empty">Nothing has been said yet. Messages are seen by everybody who is here now.</p>}
        {lines.map((line, index) => (
          <Line key={line.id} line={line} follows={lines[index - 1]?.user === line.user} />
        ))}
      </div>
      <form
        class="chat-form"
        onSubmit={(e) => {
          e.preventDefault();
          void send();
        }}
      >
        <textarea ref={input} data-testid="chat-input" aria-label="Message" placeholder="Message to everybody" rows={1} maxLength={4000} onKeyDown={onKey} />
        <button type="submit" class="primary square" data-testid="chat-send" aria-label="Send">
          <Icon name="send" />
        </button>
      </form>
    </aside>
  );
}

function Line({ line, follows }: { line: ChatLine; follows: boolean }) {
  return (
    <div class={`chat-line${line.own ? " own" : ""}${follows ? " follows" : ""}`} data-testid="chat-line" data-user={line.user}>
      <p class={follows ? "unseen" : "chat-who"}>
        <b>{line.own ? "You" : line.user}</b> <time dateTime={line.at.toISOString()}>{clock(line.at)}</time>
      </p>
      <p class="chat-text">
        {pieces(line.text).map((piece, index) =>
          piece.href === undefined ? (
            piece.text
          ) : (
            <a key={index} href={piece.href} target="_blank" rel="noopener noreferrer">
              {piece.text}
            </a>
          ),
        )}
      </p>
    </div>
  );
}

function clock(at: Date): string {
  return at.toLocaleTimeString(undefined, { hour: "2-digit", minute: "2-digit" });
}
