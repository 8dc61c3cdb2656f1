// Short messages to the person: shown for a while, and read out by screen readers.

import { signal } from "@preact/signals";

export interface Notice {
  id: number;
  text: string;
  /** A warning asks for something to be done, so it stays longer and interrupts. */
  tone: "info" | "warning";
}

const shownMs = { info: 5000, warning: 12_000 };
const most = 4;
const mostSpoken = 6;

export class Notices {
  readonly shown = signal<readonly Notice[]>([]);
  /** What screen readers are told without anything being shown. */
  readonly spoken = signal<readonly Notice[]>([]);
  #nextId = 0;

  show(text: string, tone: Notice["tone"] = "info"): void {
    const notice = { id: this.#nextId++, text, tone };
    // The same thing twice in a row is one thing.
    const others = this.shown.peek().filter((n) => n.text !== text);
    this.shown.value = [...others, notice].slice(-most);
    this.say(text);
    setTimeout(() => this.dismiss(notice.id), shownMs[tone]);
  }

  say(text: string): void {
    this.spoken.value = [...this.spoken.peek(), { id: this.#nextId++, text, tone: "info" as const }].slice(-mostSpoken);
  }

  /** Takes away what only informs, because it can now be seen elsewhere. */
  clear(): void {
    this.shown.value = this.shown.peek().filter((n) => n.tone !== "info");
  }

  dismiss(id: number): void {
    this.shown.value = this.shown.peek().filter((n) => n.id !== id);
  }
}
