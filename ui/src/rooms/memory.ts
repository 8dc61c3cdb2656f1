// What the page remembers between visits, in the browser and nowhere else.

const prefix = "switchboard.rooms.";

/** Keeps a value; does nothing where the browser keeps no data. */
export function remember(key: string, value: string): void {
  try {
    localStorage.setItem(prefix + key, value);
  } catch {
    // Private windows may refuse; then nothing is remembered.
  }
}

/** Returns what was kept, or undefined. */
export function recall(key: string): string | undefined {
  try {
    return localStorage.getItem(prefix + key) ?? undefined;
  } catch {
    return undefined;
  }
}
