// What lets a page come back without a password: the session that the server gave to
// this tab. It lives in the tab's own storage, through reloads and until it is closed.

import { Memory } from "../shared/memory.ts";
import { newId } from "./id.ts";

export class Ticket {
  #memory: Memory;

  /** Pages without https have no locks; they have no microphone either. */
  constructor(
    storage: () => Storage,
    private readonly locks: Pick<LockManager, "request"> | undefined,
  ) {
    this.#memory = new Memory("switchboard.loops.", storage);
  }

  /** The id by which the server knows this tab. */
  get client(): string {
    const known = this.#memory.recall("client");
    if (known !== undefined) return known;
    const fresh = newId();
    this.#memory.remember("client", fresh);
    return fresh;
  }

  get user(): string {
    return this.#memory.recall("user") ?? "";
  }

  /** Empty where a password is needed. */
  get session(): string {
    return this.#memory.recall("session") ?? "";
  }

  /** The role chosen last; empty if none is. */
  get role(): string {
    return this.#memory.recall("role") ?? "";
  }

  keep(user: string, session: string): void {
    this.#memory.remember("user", user);
    this.#memory.remember("session", session);
  }

  keepRole(role: string): void {
    if (role === "") this.#memory.forget("role");
    else this.#memory.remember("role", role);
  }

  /** Forgets who was here. */
  tear(): void {
    for (const key of ["user", "session", "role", "client"]) this.#memory.forget(key);
  }

  /**
   * Makes sure that no other tab goes by this one's client id: a tab that was duplicated starts with a copy of the
   * other's storage, and both would throw each other out. The later one starts afresh.
   */
  async claim(): Promise<void> {
    const { locks } = this;
    if (!locks) return;
    const alone = await new Promise<boolean>((resolve) => {
      const held = (): Promise<void> => {
        resolve(true);
        return new Promise(() => undefined); // as long as the page lives
      };
      // A reloaded page may ask a moment before its former self is gone.
      const signal = AbortSignal.timeout(1500);
      locks.request(`switchboard.loops.${this.client}`, { signal }, held).catch(() => resolve(false));
    });
    if (alone) return;
    this.tear();
    await this.claim();
  }
}
