// What keys do, and how they are called.

import type { Direction } from "./arrange.ts";

export type Command =
  | { kind: "ptt" }
  | { kind: "latch" }
  | { kind: "mute" }
  | { kind: "help" }
  | { kind: "page"; by: number }
  | { kind: "move"; direction: Direction }
  /** Monitor or talk on a key of the page, by its number in reading order from 0; without a number on the one in focus. */
  | { kind: "monitor"; index?: number }
  | { kind: "talk"; index?: number }
  | { kind: "louder"; by: number };

/** The part of a KeyboardEvent that decides. */
export interface Press {
  key: string;
  code: string;
  ctrlKey: boolean;
  altKey: boolean;
  metaKey: boolean;
  shiftKey: boolean;
  /** What has the focus; lists to choose from take keys as fields of text do. */
  target: "text" | "slider" | "other";
  /** Whether a dialog is open, which has keys of its own. */
  dialog: boolean;
}

const arrows: Record<string, Direction> = { ArrowLeft: "left", ArrowRight: "right", ArrowUp: "up", ArrowDown: "down" };
/** Keys without which a dialog cannot be used. */
const dialogKeys = new Set(["Space", "Enter", "Tab", "Escape", ...Object.keys(arrows)]);

/** What a key press asks for; undefined for none, and for keys that are typed or choose something where the focus is. */
export function commandOf(press: Press, pttKey: string, shortcuts: boolean): Command | undefined {
  const { key, code } = press;
  const typing = press.target === "text";
  if (code === pttKey) {
    const needed = (press.dialog && dialogKeys.has(code)) || (typing && (key.length === 1 || dialogKeys.has(code)));
    return needed ? undefined : { kind: "ptt" };
  }
  if (typing) return undefined;
  if (press.dialog || press.ctrlKey || press.altKey || press.metaKey) return undefined;
  const direction = arrows[code];
  if (direction) return press.target === "slider" ? undefined : { kind: "move", direction };
  if (code === "PageUp" || code === "PageDown") return press.target === "slider" ? undefined : { kind: "page", by: code === "PageUp" ? -1 : 1 };
  if (!shortcuts) return undefined;
  const digit = /^(?:Digit|Numpad)(\d)$/.exec(code)?.[1];
  if (digit !== undefined) return { kind: press.shiftKey ? "talk" : "monitor", index: (Number(digit) + 9) % 10 };
  switch (key.toLowerCase()) {
    case "l":
      return { kind: "latch" };
    case "m":
      return { kind: "mute" };
    case "t":
      return { kind: "talk" };
    case "+":
      return { kind: "louder", by: 10 };
    case "-":
      return { kind: "louder", by: -10 };
    case "?":
      return { kind: "help" };
    default:
      return undefined;
  }
}

/** What is written on a key, from its code. */
export function keyName(code: string): string {
  const known: Record<string, string> = { Space: "Space bar", ControlLeft: "Left Ctrl", ControlRight: "Right Ctrl", ShiftLeft: "Left Shift", ShiftRight: "Right Shift", AltLeft: "Left Alt", AltRight: "Right Alt" };
  return known[code] ?? code.replace(/^(?:Key|Digit)(?=.$)/, "").replace(/^Numpad(?=.)/, "Keypad ").replace(/([a-z])([A-Z])/g, "$1 $2");
}

/** Keys that cannot be held to talk, because the page is not usable without them. */
export function mayBePtt(code: string): boolean {
  return code !== "" && !["Tab", "Escape", "Enter", "NumpadEnter", ...Object.keys(arrows)].includes(code);
}
