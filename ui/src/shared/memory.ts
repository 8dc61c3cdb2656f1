// What a page remembers between visits, in the browser and nowhere else.

export class Memory {
  /** Values of this page begin with `prefix`. They live as long as the storage: for ever, or as long as the tab. */
  constructor(
    private readonly prefix: string,
    private readonly storage: () => Storage = () => localStorage,
  ) {}

  /** Keeps a value; does nothing where the browser keeps no data. */
  remember(key: string, value: string): void {
    try {
      this.storage().setItem(this.prefix + key, value);
    } catch {
      // Private windows may refuse; then nothing is remembered.
    }
  }

  /** Returns what was kept, or undefined. */
  recall(key: string): string | undefined {
    try {
      return this.storage().getItem(this.prefix + key) ?? undefined;
    } catch {
      return undefined;
    }
  }

  forget(key: string): void {
    try {
      this.storage().removeItem(this.prefix + key);
    } catch {
      // Nothing was kept.
    }
  }
}
