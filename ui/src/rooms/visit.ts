// A visit joins the person's devices, the room and what is on the page. There is one
// for the life of the page; rooms come and go in it.

import { computed, effect, signal } from "@preact/signals";
import { invitation, socketAddress, type Address } from "./address.ts";
import { deviceWords } from "../shared/deviceWords.ts";
import { canShareScreen, Devices, type DeviceTrouble, type Kind } from "../shared/devices.ts";
import { Memory } from "../shared/memory.ts";
import { Notices } from "../shared/notices.ts";
import { Room, type State } from "./room.ts";
import { Meter, Talk } from "../shared/speaking.ts";
import { browserTools } from "./tools.ts";
import { camera, screen } from "./wire.ts";
import { entryWords, farewellWords, refusalWords } from "./words.ts";

export interface ChatLine {
  id: number;
  user: string;
  text: string;
  own: boolean;
  at: Date;
}

export type Panel = "none" | "chat";
export type Dialog = "none" | "devices" | "help";

const memory = new Memory("switchboard.rooms.");
const listenMs = 150;
const measureMs = 1000;
const mostLines = 500;

export class Visit {
  readonly devices: Devices;
  readonly notices = new Notices();

  readonly name = signal(memory.recall("name") ?? "");
  readonly roomName: ReturnType<typeof signal<string>>;
  readonly room = signal<Room | undefined>(undefined);
  readonly state = computed<State>(() => this.room.value?.state.value ?? this.#restingState.value);
  /** Why the page is not, or no longer, in a room; shown on the form. */
  readonly trouble = signal("");

  readonly chat = signal<readonly ChatLine[]>([]);
  readonly unread = signal(0);
  readonly panel = signal<Panel>("none");
  readonly dialog = signal<Dialog>("none");
  readonly shortcuts = signal(memory.recall("shortcuts") !== "no");
  readonly pinned = signal<string | undefined>(undefined);
  readonly sharing = signal<MediaStream | undefined>(undefined);
  /** Whether the browser waits for a click before it plays sound. */
  readonly soundBlocked = signal(false);

  /** The own microphone: its loudness now, and whether the person talks. */
  readonly level = signal(0);
  readonly talking = signal(false);

  #restingState = signal<"idle" | "left">("idle");
  #meter: Meter | undefined;
  #talk = new Talk();
  #nextLine = 0;
  #before: State = "idle";

  constructor(private readonly address: Address) {
    this.devices = new Devices({ memory, kinds: ["camera", "microphone"], size: address.video });
    this.roomName = signal(address.room || (memory.recall("room") ?? ""));
    effect(() => this.#followConnection());
    effect(() => this.#followMicrophone());
    effect(() => this.#followTracks());
    effect(() => this.#followTrouble(this.devices.trouble.camera.value));
    effect(() => this.#followTrouble(this.devices.trouble.microphone.value));
    setInterval(() => this.#listen(), listenMs);
    setInterval(() => void this.#measure(), measureMs);
    addEventListener("pagehide", () => this.room.peek()?.vanish());
    addEventListener("online", () => this.room.peek()?.hurry());
  }

  /** Enters the room whose name is in the form, and stays until it is over. */
  async join(): Promise<void> {
    const user = this.name.peek().trim();
    const name = (this.roomName.peek() ?? "").trim();
    if (user === "" || name === "" || this.room.peek()) return;
    memory.remember("name", user);
    memory.remember("room", name);
    history.replaceState(null, "", `${location.pathname}${location.search}#/${encodeURIComponent(name)}`);
    this.trouble.value = "";
    this.chat.value = [];
    this.unread.value = 0;
    void this.devices.start();
    const room = new Room(name, user, browserTools(socketAddress(location.href, this.address.token)), {
      arrived: (who) => this.notices.show(`${who} joined`),
      departed: (who) => this.notices.show(`${who} left`),
      said: (who, text) => this.#hear(who, text, who === user),
      mediaError: (text) => {
        console.warn("the server reports:", text);
        this.notices.show("The server reports trouble with a connection. The page tries again by itself.", "warning");
      },
      refused: (what, text) => this.notices.show(refusalWords(what, text), "warning"),
    });
    this.room.value = room;
    const hasToken = this.address.token !== "";
    try {
      const farewell = await room.stay();
      if (farewell) this.trouble.value = farewellWords(farewell, user, name, hasToken);
    } catch (error) {
      if (room !== this.room.peek()) return;
      this.trouble.value = entryWords(error, user, name, hasToken);
      this.room.value = undefined; // never was in: the form stays as it is, with camera and all
    }
    this.#goHome(room);
  }

  async leave(): Promise<void> {
    const room = this.room.peek();
    if (!room) return;
    if (room.state.peek() === "joining") {
      this.room.value = undefined; // thought better of it before being in
    } else {
      this.notices.say(`You left ${room.name}`);
      this.#goHome(room);
    }
    await room.leave();
  }

  #goHome(room: Room): void {
    if (room !== this.room.peek()) return;
    this.stopSharing();
    this.devices.stop();
    this.#restingState.value = "left";
    this.room.value = undefined;
    this.panel.value = "none";
    this.dialog.value = "none";
    this.pinned.value = undefined;
  }

  /**
   * Whether a device is on, or will be as soon as the browser has opened it. It is the wish that counts: who mutes a
   * microphone that is still being opened wants it muted.
   */
  willBeOn(kind: Kind): boolean {
    return this.devices.wanted[kind].value && this.devices.trouble[kind].value === undefined;
  }

  toggle(kind: Kind): void {
    void this.devices.turn(kind, !this.willBeOn(kind));
  }

  async toggleSharing(): Promise<void> {
    if (this.sharing.peek()) return this.stopSharing();
    const room = this.room.peek();
    if (!room || !canShareScreen) return;
    let stream: MediaStream;
    try {
      stream = await navigator.mediaDevices.getDisplayMedia({ video: { frameRate: { max: 30 } }, audio: true });
    } catch (error) {
      // NotAllowedError is also what the browser says if the person closed its question; that needs no comment.
      if (!(error instanceof DOMException && error.name === "NotAllowedError")) {
        this.notices.show("The screen cannot be shared here. Try another window, or another browser.", "warning");
      }
      return;
    }
    const video = stream.getVideoTracks()[0] ?? null;
    if (room !== this.room.peek() || !video) return stream.getTracks().forEach((t) => t.stop());
    video.contentHint = "detail"; // letters matter more than motion
    video.onended = () => this.stopSharing();
    this.sharing.value = stream;
    await room.send(screen, { video, audio: stream.getAudioTracks()[0] ?? null });
  }

  stopSharing(): void {
    const stream = this.sharing.peek();
    if (!stream) return;
    this.sharing.value = undefined;
    for (const track of stream.getTracks()) {
      track.onended = null;
      track.stop();
    }
    void this.room.peek()?.send(screen, { video: null, audio: null });
  }

  /** Sends a line of chat; false if it could not be sent, so that it stays in the form. */
  async say(text: string): Promise<boolean> {
    try {
      await this.room.peek()?.say(text);
      return true;
    } catch {
      this.notices.show("Your message was not sent. Try again when the connection is back.", "warning");
      return false;
    }
  }

  showPanel(panel: Panel): void {
    this.panel.value = panel;
    if (panel !== "chat") return;
    this.unread.value = 0;
    this.notices.clear();
  }

  useShortcuts(on: boolean): void {
    this.shortcuts.value = on;
    memory.remember("shortcuts", on ? "yes" : "no");
  }

  async copyLink(): Promise<void> {
    const room = this.room.peek();
    if (!room) return;
    const link = invitation(location.href, room.name);
    try {
      await navigator.clipboard.writeText(link);
      this.notices.show("Link copied. Send it to whoever should join.");
    } catch {
      this.notices.show(`Copy this link: ${link}`, "warning");
    }
  }

  #hear(user: string, text: string, own: boolean): void {
    const line = { id: this.#nextLine++, user, text, own, at: new Date() };
    this.chat.value = [...this.chat.peek(), line].slice(-mostLines);
    if (own || this.panel.peek() === "chat") return; // the open panel is read out by itself
    this.unread.value++;
    this.notices.show(`${user}: ${text.length > 120 ? `${text.slice(0, 120)}…` : text}`);
  }

  #followConnection(): void {
    const state = this.state.value;
    if (state === "reconnecting") this.notices.say("Connection lost. Reconnecting.");
    else if (state === "joined" && this.#before === "reconnecting") this.notices.say("Connected again.");
    this.#before = state;
  }

  #followMicrophone(): void {
    this.#meter?.close();
    this.#meter = undefined;
    const track = this.devices.tracks.microphone.value;
    if (track) this.#meter = new Meter(track);
  }

  #followTracks(): void {
    const video = this.devices.tracks.camera.value;
    const audio = this.devices.tracks.microphone.value;
    const room = this.room.value;
    if (!room || (room.state.value !== "joined" && room.publications.peek().length === 0)) return;
    room.send(camera, { video, audio }).catch(() => undefined); // a track that just ended is replaced in a moment
  }

  #followTrouble(trouble: DeviceTrouble | undefined): void {
    if (trouble && this.room.peek()) this.notices.show(deviceWords(trouble), "warning");
  }

  #listen(): void {
    const now = performance.now();
    const level = this.#meter?.level() ?? 0;
    this.level.value = level;
    this.talking.value = this.#talk.hear(this.devices.microphoneOn.peek() ? level : 0, now);
    for (const member of this.room.peek()?.members.peek() ?? []) for (const feed of member.feeds) feed.listen(now);
  }

  async #measure(): Promise<void> {
    const room = this.room.peek();
    if (!room) return;
    const feeds = room.members.peek().flatMap((m) => m.feeds);
    await Promise.allSettled([...feeds, ...room.publications.peek()].map((each) => each.measure()));
  }
}
