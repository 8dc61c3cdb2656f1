// The gate between the microphone and what is sent. The microphone itself stays open
// for the level meter; what is sent is a copy that is silent while the gate is closed.

export class Gate {
  #copy: MediaStreamTrack | null = null;
  #open = false;

  /** Takes another microphone, or none; returns what is to be sent of it. */
  take(track: MediaStreamTrack | null): MediaStreamTrack | null {
    this.#copy?.stop();
    this.#copy = track?.clone() ?? null;
    this.#follow();
    return this.#copy;
  }

  set open(open: boolean) {
    this.#open = open;
    this.#follow();
  }

  #follow(): void {
    if (this.#copy) this.#copy.enabled = this.#open;
  }
}
