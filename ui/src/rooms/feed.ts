// A feed is one stream that somebody else sends: the line it comes by, and what the
// page shows about it.

import { signal, type ReadonlySignal } from "@preact/signals";
import type { Line } from "./line.ts";
import type { ReceivingPeer } from "./peer.ts";
import { judge, loudness, unmeasured, videoFlowed, type Quality, type Sample } from "../shared/quality.ts";
import { Talk } from "../shared/speaking.ts";
import { camera } from "./wire.ts";

/** A camera that sends nothing for so long is off; the last picture of it is then no longer shown. */
const videoGoneMs = 2500;
/** Below this, less than two steps of 16 bits, there is no microphone at work: even a quiet room is louder. */
const silence = 5e-5;
const silentAfterMs = 3000;

export class Feed {
  readonly talking = signal(false);
  readonly quality = signal<Quality>(unmeasured);
  /** Whether a picture is coming in. */
  readonly seen = signal(false);
  /** Whether sound is absent: muted, or no microphone. */
  readonly silent = signal(false);
  readonly peer: ReadonlySignal<ReceivingPeer | undefined>;

  #talk = new Talk();
  #last: Sample | undefined;
  #lastPeer: ReceivingPeer | undefined;
  /** The connection of which a picture has been shown. */
  #pictured: ReceivingPeer | undefined;
  #lastVideo = 0;
  #lastSound = 0;
  #loudness: number | undefined;

  constructor(
    readonly user: string,
    readonly stream: string,
    readonly line: Line<ReceivingPeer>,
  ) {
    this.peer = line.peer;
  }

  /** To be called some five times a second. */
  listen(now: number): void {
    const level = this.peer.peek()?.level() ?? this.#loudness ?? 0;
    this.talking.value = this.#talk.hear(level, now);
  }

  /** To be called when the first picture of the connection is there; the counters tell of it up to a second later. */
  pictured(): void {
    this.#pictured = this.peer.peek();
    this.seen.value = true;
  }

  /** To be called about once a second: reads the counters and judges the time since the last reading. */
  async measure(): Promise<void> {
    const peer = this.peer.peek();
    if (peer !== this.#lastPeer) {
      this.#lastPeer = peer;
      this.#last = undefined;
      this.seen.value = peer !== undefined && peer === this.#pictured;
      this.quality.value = unmeasured;
    }
    if (!peer) return;
    const now = await peer.sample();
    if (peer !== this.peer.peek()) return;
    this.#compare(this.#last, now);
    this.#last = now;
  }

  #compare(before: Sample | undefined, now: Sample): void {
    const shown = (now.video?.frames ?? 0) > 0 || this.#pictured === this.#lastPeer;
    if (!before) {
      this.#lastVideo = this.#lastSound = now.at;
      this.seen.value = shown;
      return;
    }
    this.quality.value = judge(before, now);
    if (videoFlowed(before, now)) this.#lastVideo = now.at;
    this.seen.value = shown && (this.stream !== camera || now.at - this.#lastVideo < videoGoneMs);
    this.#loudness = loudness(before, now);
    if ((this.#loudness ?? 0) > silence) this.#lastSound = now.at;
    this.silent.value = now.at - this.#lastSound > silentAfterMs;
  }

  stop(): void {
    this.line.stop();
  }
}
