// A loop as its key shows it.

import { signal } from "@preact/signals";
import type { LoopInfo, Mode, Person, Place } from "./wire.ts";

export class Loop {
  readonly id: string;
  readonly name: string;
  readonly color: string;
  readonly mayTalk: boolean;
  readonly places: readonly Place[];

  readonly mode = signal<Mode>("off");
  readonly volume = signal(50);
  /** Who is on it; undefined while only their number is known, or nothing. */
  readonly people = signal<readonly Person[] | undefined>(undefined);
  readonly count = signal(0);
  /** Who presses to talk on it just now. */
  readonly talkers = signal<readonly Person[]>([]);
  /** Whether a voice is heard on it just now. */
  readonly active = signal(false);
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
    this.count.value = info.count ?? 0;
  }

  /** The mode as the person wants it. */
  get intent(): Mode {
    return this.wish.peek() ?? this.mode.peek();
  }

  meet(people: readonly Person[]): void {
    this.people.value = people;
    this.count.value = people.length;
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
    this.active.value = false;
    this.wish.value = undefined;
  }
}
