// Push-to-talk: keys, buttons, foot switches and fingers that open the microphone.

import { computed, signal } from "@preact/signals";

export class PushToTalk {
  /** Whether one press opens and the next one closes, instead of holding. */
  readonly latching = signal(false);
  /** Whether the person wants to be heard. */
  readonly open = computed(() => this.#latched.value || this.#held.value.size > 0);

  #held = signal<ReadonlySet<string>>(new Set());
  #latched = signal(false);

  /** Something is pressed; each source by its own name, so that letting go of one does not close what another holds. */
  press(source: string): void {
    if (this.latching.peek()) this.toggle();
    else this.#held.value = new Set([...this.#held.peek(), source]);
  }

  release(source: string): void {
    if (!this.#held.peek().has(source)) return;
    this.#held.value = new Set([...this.#held.peek()].filter((s) => s !== source));
  }

  /** Opens until it is called again, for whoever cannot hold: assistive technology only clicks. */
  toggle(): void {
    this.#latched.value = !this.#latched.peek();
  }

  /** Lets go of everything that is held, because its release would not be seen: the window is no longer in front. */
  letGo(): void {
    if (this.#held.peek().size > 0) this.#held.value = new Set();
  }

  latch(on: boolean): void {
    this.latching.value = on;
    this.close();
  }

  /** Closes the microphone, whatever opened it. */
  close(): void {
    this.letGo();
    this.#latched.value = false;
  }
}
