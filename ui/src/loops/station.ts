// The station joins the desk, the headset, push-to-talk and what is on the page. There
// is one for the life of the page.

import { computed, effect, signal } from "@preact/signals";
import { Devices } from "../shared/devices.ts";
import { deviceWords } from "../shared/deviceWords.ts";
import { Memory } from "../shared/memory.ts";
import { Notices } from "../shared/notices.ts";
import { judge, unmeasured, type Quality, type Sample } from "../shared/quality.ts";
import { Meter } from "../shared/speaking.ts";
import type { Page } from "./arrange.ts";
import { Desk } from "./desk.ts";
import { Gate } from "./gate.ts";
import type { Loop } from "./loop.ts";
import { PushToTalk } from "./ptt.ts";
import { Settings } from "./settings.ts";
import { Ticket } from "./ticket.ts";
import { Voice, type VoicePeer } from "./voice.ts";
import { loopWords, movedWords, noMicrophone, noTalkLoop, soundWords } from "./words.ts";

export type Dialog = "none" | "settings" | "help";

const memory = new Memory("switchboard.loops.");
const listenMs = 120;
const measureMs = 2000;

export class Station {
  readonly devices = new Devices({ memory, kinds: ["microphone"] });
  readonly settings = new Settings(memory);
  readonly notices = new Notices();
  readonly ptt = new PushToTalk();
  readonly desk: Desk;

  readonly userName = signal(memory.recall("name") ?? "");
  readonly dialog = signal<Dialog>("none");
  /** Whether everything that would be heard is held back. */
  readonly muted = signal(false);
  /** Whether the browser waits for a click before it plays sound. */
  readonly soundBlocked = signal(false);
  /** The loudness of the own microphone now. */
  readonly level = signal(0);
  readonly quality = signal<Quality>(unmeasured);
  readonly page = computed<Page<Loop> | undefined>(() => {
    const pages = this.desk.board.value?.pages.value ?? [];
    return pages.find((p) => p.number === this.#pageNumber.value) ?? pages[0];
  });
  /** Whether the person wants to be heard and has something to be heard by. */
  readonly speaking = computed(() => this.ptt.open.value && this.devices.microphoneOn.value);
  /** Whether others hear the person. */
  readonly onAir = computed(() => this.speaking.value && this.desk.state.value === "on" && (this.desk.board.value?.talkLoops.value.length ?? 0) > 0);
  readonly layout = computed(() => (this.settings.layout.value !== "auto" ? this.settings.layout.value : this.#narrow.value ? "phone" : "desk"));

  #pageNumber = signal(Number(memory.recall("page") ?? 1));
  #narrow = signal(false);
  #gate = new Gate();
  #sent = signal<MediaStreamTrack | null>(null);
  #meter: Meter | undefined;
  #measured: { voice: VoicePeer; sample: Sample } | undefined;

  constructor(socketAddress: string) {
    this.desk = new Desk(
      new Ticket(() => sessionStorage, navigator.locks),
      { socket: () => new WebSocket(socketAddress), voice: (iceServers, onCandidate) => new Voice(iceServers, onCandidate) },
      {
        talks: (who, loop) => this.notices.say(`${who.name} talks on ${loop.name}`),
        moved: (loop, mode) => this.notices.show(movedWords(loop.name, mode), "warning"),
        refused: (what, loop, error) => this.notices.show(loopWords(what, loop.name, error), "warning"),
        noSound: (error) => this.notices.show(soundWords(error), "warning"),
        reload: () => location.reload(),
      },
    );
    this.desk.alone = () => this.settings.alone.peek() === "yes";
    effect(() => this.ptt.latch(this.settings.latching.value === "yes"));
    effect(() => this.desk.air(this.speaking.value));
    effect(() => void (this.#gate.open = this.onAir.value));
    effect(() => this.#followMicrophone());
    // A connection that is just being closed takes no other microphone, nor needs one.
    effect(() => void this.desk.voice.value?.send(this.#sent.value).catch(() => undefined));
    effect(() => this.desk.voice.value?.hear(!this.muted.value));
    effect(() => this.#followTrouble());
    effect(() => this.#followPresses());
    this.#followConnection();
    this.#followHeadset();
    this.#followWindow();
    setInterval(() => (this.level.value = this.#meter?.level() ?? 0), listenMs);
    setInterval(() => void this.#measure(), measureMs);
  }

  /** Comes back with the session of before, if there is one. */
  async resume(): Promise<void> {
    if (this.desk.ticket.session !== "") void this.devices.start();
    await this.desk.resume();
  }

  async signIn(user: string, password: string): Promise<void> {
    this.userName.value = user;
    memory.remember("name", user);
    void this.devices.start();
    await this.desk.signIn(user, password);
  }

  async signOut(): Promise<void> {
    this.ptt.close();
    this.dialog.value = "none";
    await this.desk.signOut();
    this.devices.stop();
  }

  showPage(number: number): void {
    this.#pageNumber.value = number;
    memory.remember("page", String(number));
  }

  /** Turns pages, from the last to the first. */
  turnPage(by: number): void {
    const pages = this.desk.board.peek()?.pages.peek() ?? [];
    const now = this.page.peek();
    const next = now && pages[(pages.indexOf(now) + by + pages.length) % pages.length];
    if (next) this.showPage(next.number);
  }

  /** One press: listens to a loop, or no longer; from talking it goes back to listening. */
  monitor(loop: Loop): void {
    void this.desk.board.peek()?.turn(loop, loop.intent === "monitor" ? "off" : "monitor");
  }

  /** One press: talks on a loop, or only listens again. */
  talk(loop: Loop): void {
    void this.desk.board.peek()?.turn(loop, loop.intent === "talk" ? "monitor" : "talk");
  }

  setVolume(loop: Loop, volume: number): void {
    void this.desk.board.peek()?.setVolume(loop, Math.min(100, Math.max(0, volume)));
  }

  #followMicrophone(): void {
    const track = this.devices.tracks.microphone.value;
    this.#meter?.close();
    this.#meter = track ? new Meter(track) : undefined;
    this.#sent.value = this.#gate.take(track);
  }

  /** Judges the connection for sound since the last time. */
  async #measure(): Promise<void> {
    const voice = this.desk.voice.peek();
    const before = this.#measured;
    this.#measured = voice && { voice, sample: await voice.sample() };
    const now = this.#measured;
    this.quality.value = now && before?.voice === now.voice ? judge(before.sample, now.sample) : unmeasured;
  }

  #followTrouble(): void {
    const trouble = this.devices.trouble.microphone.value;
    if (trouble) this.notices.show(deviceWords(trouble), "warning");
  }

  /** A press that nobody hears is worse than none: it is said at once. */
  #followPresses(): void {
    if (!this.ptt.open.value || this.desk.state.peek() !== "on") return;
    if (this.desk.board.peek()?.talkLoops.peek().length === 0) this.notices.show(noTalkLoop, "warning");
    else if (!this.devices.tracks.microphone.peek()) this.notices.show(noMicrophone, "warning");
  }

  #followConnection(): void {
    let before = this.desk.state.peek();
    effect(() => {
      const state = this.desk.state.value;
      if (state === "reconnecting") this.notices.say("Connection lost. Reconnecting.");
      else if (state === "on" && before === "reconnecting") this.notices.say("Connected again.");
      before = state;
    });
  }

  /** A headset that is plugged in again is used again. */
  #followHeadset(): void {
    let before = 0;
    effect(() => {
      const now = this.devices.all.value.filter((d) => d.kind === "audioinput").length;
      const cause = this.devices.trouble.microphone.peek()?.cause;
      if (now > before && (cause === "ended" || cause === "NotFoundError")) void this.devices.start();
      before = now;
    });
  }

  #followWindow(): void {
    const narrow = matchMedia("(max-width: 640px)");
    const follow = (): void => void (this.#narrow.value = narrow.matches);
    narrow.addEventListener("change", follow);
    follow();
    // Where the release of a key would not be seen, it counts as released.
    addEventListener("blur", () => this.ptt.letGo());
    addEventListener("pagehide", () => this.ptt.close());
    addEventListener("online", () => this.desk.hurry());
  }
}
