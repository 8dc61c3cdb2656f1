// One person's picture, or a shared screen, with name, voice and connection.

import { useEffect, useRef } from "preact/hooks";
import { canChooseSpeaker } from "../shared/devices.ts";
import type { Feed } from "./feed.ts";
import { Icon } from "../shared/Icons.tsx";
import { unmeasured, type Quality } from "../shared/quality.ts";
import { QualityMark } from "../shared/QualityMark.tsx";
import type { Room } from "./room.ts";
import type { Visit } from "./visit.ts";
import { screen } from "./wire.ts";

interface Frame {
  user: string;
  stream: string;
  main: boolean;
  label: string;
  talking: boolean;
  muted: boolean;
  seen: boolean;
  quality: Quality;
  mirrored: boolean;
  waiting: boolean;
  video: MediaStreamTrack | null;
  pinned: boolean;
  onPin(): void;
  /** Told when the first picture of the video is there. */
  onPicture?(): void;
  children?: preact.ComponentChildren;
}

export function OwnTile(props: { visit: Visit; room: Room; stream: string; pinned: boolean; onPin(): void }) {
  const { visit, room, stream } = props;
  const sharing = stream === screen;
  const video = sharing ? (visit.sharing.value?.getVideoTracks()[0] ?? null) : visit.devices.tracks.camera.value;
  return (
    <Shell
      user={room.user}
      stream={stream}
      main={!sharing}
      label={sharing ? "Your screen" : `${room.user} (you)`}
      talking={!sharing && visit.talking.value}
      muted={!sharing && !visit.devices.microphoneOn.value}
      seen={video !== null}
      quality={room.publications.value.find((p) => p.stream === stream)?.quality.value ?? unmeasured}
      mirrored={!sharing}
      waiting={false}
      video={video}
      pinned={props.pinned}
      onPin={props.onPin}
    />
  );
}

export function RemoteTile(props: { visit: Visit; user: string; stream: string; main: boolean; feed: Feed | undefined; pinned: boolean; onPin(): void }) {
  const { user, stream, main, feed } = props;
  const peer = feed?.peer.value;
  const seen = feed?.seen.value ?? false;
  return (
    <Shell
      user={user}
      stream={stream}
      main={main}
      label={main ? user : stream === screen ? `${user}’s screen` : `${user}: ${stream}`}
      talking={main && (feed?.talking.value ?? false)}
      muted={main && (feed === undefined || feed.silent.value)}
      seen={seen}
      quality={feed?.quality.value ?? unmeasured}
      mirrored={false}
      waiting={feed !== undefined && peer === undefined}
      video={peer?.video ?? null}
      pinned={props.pinned}
      onPin={props.onPin}
      onPicture={() => feed?.pictured()}
    >
      {peer && <Sound visit={props.visit} track={peer.audio} />}
    </Shell>
  );
}

function Shell(frame: Frame) {
  const video = useRef<HTMLVideoElement>(null);
  useEffect(() => {
    if (video.current) video.current.srcObject = frame.video ? new MediaStream([frame.video]) : null;
  }, [frame.video]);
  const state = [frame.label, frame.talking && "is talking", frame.muted && "no sound", !frame.seen && "no picture"].filter(Boolean);
  return (
    <section
      class={`tile${frame.talking ? " talking" : ""}${frame.main ? "" : " screen"}`}
      data-testid="tile"
      data-user={frame.user}
      data-stream={frame.stream}
      data-talking={String(frame.talking)}
      data-quality={frame.quality.grade}
      aria-label={state.join(", ")}
    >
      {!frame.seen && <Avatar name={frame.user} waiting={frame.waiting} />}
      <video ref={video} class={`${frame.mirrored ? "mirror" : ""}${frame.seen ? "" : " blank"}`} autoplay muted playsInline aria-hidden="true" onLoadedData={frame.onPicture} />
      {frame.children}
      <footer class="tile-foot">
        {frame.muted && <Icon name="microphoneOff" />}
        <span class="tile-name">{frame.label}</span>
        <QualityMark quality={frame.quality} />
      </footer>
      <button
        type="button"
        class="tile-pin"
        aria-pressed={frame.pinned}
        aria-label={`Show ${frame.label} large`}
        title={frame.pinned ? "Back to equal tiles" : "Show large"}
        onClick={frame.onPin}
      >
        <Icon name="pin" />
      </button>
    </section>
  );
}

/** Plays what somebody says. It is apart from the picture, so that a stream without picture is heard in every browser. */
function Sound({ visit, track }: { visit: Visit; track: MediaStreamTrack }) {
  const audio = useRef<HTMLAudioElement>(null);
  const blocked = visit.soundBlocked.value;
  useEffect(() => {
    const element = audio.current;
    if (!element) return;
    element.srcObject = new MediaStream([track]);
    element.play().catch((error: unknown) => {
      if (error instanceof DOMException && error.name === "NotAllowedError") visit.soundBlocked.value = true;
    });
  }, [track, blocked]);
  const speaker = visit.devices.chosen.speaker.value;
  useEffect(() => {
    // A speaker that was unplugged is refused; the sound then stays where it is.
    if (canChooseSpeaker) void audio.current?.setSinkId(speaker).catch(() => undefined);
  }, [speaker]);
  return <audio ref={audio} autoplay />;
}

function Avatar({ name, waiting }: { name: string; waiting: boolean }) {
  return (
    <div class="avatar" style={{ "--hue": String(hueOf(name)) }} aria-hidden="true">
      <span class={waiting ? "avatar-disc waiting" : "avatar-disc"}>{initialsOf(name)}</span>
    </div>
  );
}

/** A colour that belongs to a name, as a hue in degrees. */
function hueOf(name: string): number {
  let sum = 0;
  for (const letter of name) sum = (sum * 31 + (letter.codePointAt(0) ?? 0)) % 360;
  return sum;
}

function initialsOf(name: string): string {
  const words = name.split(/[\s._-]+/).filter((w) => w !== "");
  const letters = [words[0], words.length > 1 ? words[words.length - 1] : undefined].map((w) => (w ? [...w][0] : ""));
  return letters.join("").toUpperCase() || "?";
}
