// Keys of the keyboard and of foot switches, for the whole page.

import { batch } from "@preact/signals";
import { neighbour, type Direction } from "./arrange.ts";
import { commandOf, type Command, type Press } from "./keyboard.ts";
import type { Loop } from "./loop.ts";
import type { Station } from "./station.ts";

/** Where in the page a key stands; see Key.tsx. */
const keySelector = "[data-key]";

/** Acts on keys until what it returns is called. */
export function listenToKeys(station: Station): () => void {
  const down = (event: KeyboardEvent): void => {
    if (!station.desk.board.peek()) return;
    const command = commandOf(pressOf(event, station), station.settings.pttKey.peek(), station.settings.shortcuts.peek() === "yes");
    if (!command) return;
    // A held key comes again and again; of all commands only these are meant to.
    const repeatable = command.kind === "move" || command.kind === "louder";
    event.preventDefault();
    if (!event.repeat || repeatable) batch(() => act(station, command));
  };
  const up = (event: KeyboardEvent): void => {
    if (event.code !== station.settings.pttKey.peek()) return;
    // The space bar would press the button in focus when it comes up.
    if (station.dialog.peek() === "none" && station.desk.board.peek() && targetOf(event) !== "text") event.preventDefault();
    station.ptt.release("key");
  };
  addEventListener("keydown", down);
  addEventListener("keyup", up);
  return () => {
    removeEventListener("keydown", down);
    removeEventListener("keyup", up);
  };
}

function pressOf(event: KeyboardEvent, station: Station): Press {
  const { key, code, ctrlKey, altKey, metaKey, shiftKey } = event;
  return { key, code, ctrlKey, altKey, metaKey, shiftKey, target: targetOf(event), dialog: station.dialog.peek() !== "none" };
}

function targetOf({ target }: KeyboardEvent): Press["target"] {
  if (target instanceof HTMLInputElement) return target.type === "range" ? "slider" : ["checkbox", "radio", "button"].includes(target.type) ? "other" : "text";
  return target instanceof HTMLSelectElement || target instanceof HTMLTextAreaElement ? "text" : "other";
}

function act(station: Station, command: Command): void {
  switch (command.kind) {
    case "ptt":
      return station.ptt.press("key");
    case "latch":
      station.settings.latching.value = station.settings.latching.peek() === "yes" ? "no" : "yes";
      return;
    case "mute":
      station.muted.value = !station.muted.peek();
      return;
    case "help":
      station.dialog.value = "help";
      return;
    case "page":
      return station.turnPage(command.by);
    case "move":
      return move(station, command.direction);
    case "monitor":
      return onLoop(station, command.index, (loop) => station.monitor(loop));
    case "talk":
      return onLoop(station, command.index, (loop) => station.talk(loop));
    case "louder":
      return onLoop(station, undefined, (loop) => station.setVolume(loop, loop.volume.peek() + command.by));
  }
}

function onLoop(station: Station, index: number | undefined, what: (loop: Loop) => void): void {
  const cell = station.page.peek()?.cells[index ?? focused()];
  if (cell) what(cell.key);
}

/** The number of the key in focus on its page, -1 for none. */
function focused(): number {
  return Number(document.activeElement?.closest<HTMLElement>(keySelector)?.dataset["key"] ?? -1);
}

function move(station: Station, direction: Direction): void {
  const cells = station.page.peek()?.cells ?? [];
  const from = cells[focused()];
  const next = from ? (station.layout.peek() === "phone" ? stepInList(cells, from, direction) : neighbour(cells, from, direction)) : cells[0];
  if (next) document.querySelector<HTMLElement>(`[data-key="${cells.indexOf(next)}"] .key-main`)?.focus();
}

function stepInList<T>(cells: readonly T[], from: T, direction: Direction): T | undefined {
  return cells[cells.indexOf(from) + (direction === "up" || direction === "left" ? -1 : 1)];
}
