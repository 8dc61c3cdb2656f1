// The row of buttons at the bottom of a room.

import { canShareScreen } from "../shared/devices.ts";
import { Icon, type IconName } from "../shared/Icons.tsx";
import type { Visit } from "./visit.ts";

export function Controls({ visit }: { visit: Visit }) {
  const microphone = visit.willBeOn("microphone");
  const camera = visit.willBeOn("camera");
  const sharing = visit.sharing.value !== undefined;
  const chatOpen = visit.panel.value === "chat";
  const unread = visit.unread.value;
  const key = (name: string): string => (visit.shortcuts.value ? ` (${name})` : "");
  return (
    <section class="controls" aria-label="Controls">
      <Control
        id="mute"
        icon={microphone ? "microphone" : "microphoneOff"}
        label={microphone ? "Mute" : "Unmute"}
        title={(microphone ? "Mute your microphone" : "Unmute your microphone") + key("M")}
        tone={microphone ? "" : "off"}
        onClick={() => visit.toggle("microphone")}
      />
      <Control
        id="camera"
        icon={camera ? "camera" : "cameraOff"}
        label={camera ? "Stop video" : "Start video"}
        title={(camera ? "Stop video of your camera" : "Start video of your camera") + key("V")}
        tone={camera ? "" : "off"}
        onClick={() => visit.toggle("camera")}
      />
      {canShareScreen && (
        <Control
          id="screen"
          icon={sharing ? "screenOff" : "screen"}
          label={sharing ? "Stop sharing" : "Share"}
          title={(sharing ? "Stop sharing your screen" : "Share your screen") + key("S")}
          tone={sharing ? "on" : ""}
          onClick={() => void visit.toggleSharing()}
        />
      )}
      <Control
        id="chat"
        icon="chat"
        label="Chat"
        title={"Chat" + key("C") + (unread > 0 ? `, ${unread} unread` : "")}
        tone={chatOpen ? "on" : ""}
        badge={unread}
        expanded={chatOpen}
        onClick={() => visit.showPanel(chatOpen ? "none" : "chat")}
      />
      <Control id="devices" icon="settings" label="Devices" title="Devices: camera, microphone and speaker" tone="" onClick={() => (visit.dialog.value = "devices")} />
      <Control id="help" icon="help" label="Keys" title={"Keys: keyboard shortcuts" + key("?")} tone="" onClick={() => (visit.dialog.value = "help")} />
      <Control id="leave" icon="leave" label="Leave" title="Leave the room" tone="danger" onClick={() => void visit.leave()} />
    </section>
  );
}

function Control(props: {
  id: string;
  icon: IconName;
  label: string;
  title: string;
  tone: "" | "on" | "off" | "danger";
  badge?: number;
  expanded?: boolean;
  onClick(): void;
}) {
  return (
    <button
      type="button"
      id={`control-${props.id}`}
      class={`control ${props.tone}`}
      data-testid={props.id}
      aria-label={props.title}
      title={props.title}
      aria-expanded={props.expanded}
      onClick={props.onClick}
    >
      <span class="control-face">
        <Icon name={props.icon} />
        {(props.badge ?? 0) > 0 && (
          <span class="badge" aria-hidden="true">
            {Math.min(99, props.badge ?? 0)}
          </span>
        )}
      </span>
      <span class="control-label" aria-hidden="true">
        {props.label}
      </span>
    </button>
  );
}
