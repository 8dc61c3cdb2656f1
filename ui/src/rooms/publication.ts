// A publication is one stream that this page sends.

import { signal } from "@preact/signals";
import type { SendLimit } from "./limits.ts";
import type { Line } from "./line.ts";
import type { SendingPeer, Source } from "./peer.ts";
import { judge, unmeasured, type Quality, type Sample } from "../shared/quality.ts";

export class Publication {
  readonly quality = signal<Quality>(unmeasured);
  /** Whether the server holds this stream, so that it has to be withdrawn before it is offered anew. */
  announced = false;

  #last: Sample | undefined;
  #lastPeer: SendingPeer | undefined;

  constructor(
    readonly stream: string,
    readonly line: Line<SendingPeer>,
    public source: Source,
    public limit: SendLimit,
  ) {}

  /** Sends other tracks from now on. */
  async replace(source: Source): Promise<void> {
    this.source = source;
    const peer = this.line.peer.peek();
    await peer?.replace(source);
    await peer?.limit(this.limit); // another camera may have another size
  }

  async restrict(limit: SendLimit): Promise<void> {
    this.limit = limit;
    await this.line.peer.peek()?.limit(limit);
  }

  /** To be called about once a second. */
  async measure(): Promise<void> {
    const peer = this.line.peer.peek();
    if (peer !== this.#lastPeer) {
      this.#lastPeer = peer;
      this.#last = undefined;
      this.quality.value = unmeasured;
    }
    if (!peer) return;
    const now = await peer.sample();
    // The server reports back only every few seconds; in between nothing is known anew.
    if (this.#last && counted(now) === counted(this.#last)) return;
    const quality = judge(this.#last, now);
    if (quality.grade !== "unknown") this.quality.value = quality;
    this.#last = now;
  }
}

function counted(sample: Sample): number {
  return [sample.audio, sample.video].reduce((sum, c) => sum + (c ? c.packets + c.lost : 0), 0);
}
