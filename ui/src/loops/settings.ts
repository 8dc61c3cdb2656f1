// How this person likes the panel, kept in this browser.

import { effect, signal, type Signal } from "@preact/signals";
import type { Memory } from "../shared/memory.ts";

/** How keys are laid out: by the size of the window, or as asked for. */
export const layouts = ["auto", "desk", "wall", "phone"] as const;
export type Layout = (typeof layouts)[number];

const yesNo = ["yes", "no"] as const;

export class Settings {
  /** The key that is held to talk, by its place on the keyboard (KeyboardEvent.code); foot switches send one too. */
  readonly pttKey: Signal<string>;
  readonly latching: Signal<"yes" | "no">;
  /** Whether talking on one loop ends talking on the others. */
  readonly alone: Signal<"yes" | "no">;
  /** Whether single keys other than push-to-talk do something. */
  readonly shortcuts: Signal<"yes" | "no">;
  readonly layout: Signal<Layout>;

  constructor(memory: Memory) {
    const kept = <T extends string>(key: string, fallback: T, allowed?: readonly T[]): Signal<T> => {
      const known = memory.recall(key) as T | undefined;
      const value = signal(known !== undefined && (!allowed || allowed.includes(known)) ? known : fallback);
      effect(() => memory.remember(key, value.value));
      return value;
    };
    this.pttKey = kept("ptt-key", "Space");
    this.latching = kept("latching", "no", yesNo);
    this.alone = kept("alone", "no", yesNo);
    this.shortcuts = kept("shortcuts", "yes", yesNo);
    this.layout = kept("layout", "auto", layouts);
  }
}
