// A loop as its key shows it.

import { signal } from "@preact/signals";
import type { LoopInfo, Mode, Person, Place, Presence } from "./wire.ts";

export class Loop {
  readonly id: string;
  readonly name: string;
  readonly color: string;
  readonly mayTalk: boolean;
  readonly places: readonly Place[];

  readonly mode = signal<Mode>("off");
  readonly volume = signal(50);
  /** Who is on it; undefined while that is not known. */
  readonly presence = signal<Presence | undefined>(undefined);
  /** Who presses to talk on it just now. */
  readonly talkers = signal<readonly Person[]>([]);
  /** The clients whose voices are heard on it just now; an empty name stands for somebody. */
  readonly voices = signal<ReadonlySet<string>>(new Set());
  /** The mode that the person wants and the server has not confirmed; undefined if there is none. */
  readonly wish = signal<Mode | undefined>(undefined);
  /** Whether a request for another mode is under way. */
  busy = false;
  /** When the person last pressed its key (performance.now). */
  pressedAt = -Infinity;

  constructor(info: LoopInfo) {
    this.id = info.id;
    this.name = info.name;
    this.color = info.color;
    this.mayTalk = info.mayTalk;
    this.places = info.places;
    this.mode.value = info.mode;
    this.volume.value = info.volume;
    if (info.presence) this.meet(info.presence);
  }

  /** The mode as the person wants it. */
  get intent(): Mode {
    return this.wish.peek() ?? this.mode.peek();
  }

  meet(presence: Presence): void {
    this.presence.value = presence;
    for (const who of presence.talkers) this.talk(who, true);
  }

  /** Notes that somebody's voice begins or ends. */
  hear(client: string, on: boolean): void {
    const others = [...this.voices.peek()].filter((c) => c !== client);
    this.voices.value = new Set(on ? [...others, client] : others);
  }

  /** Notes that somebody begins or ends to talk; tells whether that is new. */
  talk(who: Person, on: boolean): boolean {
    const others = this.talkers.peek().filter((p) => p.client !== who.client);
    const before = others.length < this.talkers.peek().length;
    if (before !== on) this.talkers.value = on ? [...others, who] : others;
    return before !== on;
  }

  /** Forgets what is true only as long as the server is there to tell. */
  hush(): void {
    this.talkers.value = [];
    this.voices.value = new Set();
    this.wish.value = undefined;
  }
}
