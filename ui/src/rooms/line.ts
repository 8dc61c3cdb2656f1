// A line keeps one stream flowing: it opens a connection, negotiates it, and opens
// another one whenever that fails, until it is stopped.

import { signal, type ReadonlySignal } from "@preact/signals";
import { backoff, pause } from "../shared/backoff.ts";
import type { Candidate, OnCandidate } from "../shared/peer.ts";
import { RpcError, RpcLost } from "../shared/rpc.ts";
import type { OfferingPeer } from "./peer.ts";

export interface LineOptions<P extends OfferingPeer> {
  /** Waits until there is a server to talk to. */
  ready(signal: AbortSignal): Promise<void>;
  open(onCandidate: OnCandidate): P;
  /** Takes the offer to the server and brings back the answer. */
  negotiate(sdpOffer: string): Promise<string>;
  sendCandidate(candidate: Candidate): void;
  /** Tells whether the server's refusal is final, so that no further attempt is made. */
  isFinal(error: RpcError): boolean;
}

export class Line<P extends OfferingPeer> {
  /** The connection in use; undefined between two. */
  readonly peer: ReadonlySignal<P | undefined>;

  #peer = signal<P | undefined>(undefined);
  #options: LineOptions<P>;
  #stopping = new AbortController();
  #restart: () => void = () => undefined;
  #attempts = 0; // counts connections, so that one that was overtaken notices

  constructor(options: LineOptions<P>) {
    this.#options = options;
    this.peer = this.#peer;
    void this.#keep(this.#stopping.signal);
  }

  addCandidate(candidate: Candidate): void {
    this.#peer.peek()?.addCandidate(candidate);
  }

  /** Gives up the present connection and negotiates a new one at once. */
  restart(): void {
    this.#restart();
  }

  stop(): void {
    this.#stopping.abort();
    this.#restart();
    this.#hangUp();
  }

  async #keep(stopping: AbortSignal): Promise<void> {
    for (let attempt = 0; !stopping.aborted; attempt++) {
      await this.#options.ready(stopping);
      if (stopping.aborted) return;
      const restarted = new Promise<"restarted">((resolve) => (this.#restart = () => resolve("restarted")));
      const outcome = await Promise.race([this.#once(), restarted]);
      this.#hangUp();
      if (outcome === "refused") return;
      if (outcome === "restarted" || outcome === "worked") attempt = -1;
      if (outcome !== "restarted") await pause(backoff(Math.max(0, attempt)), stopping, restarted);
    }
  }

  #hangUp(): void {
    this.#peer.peek()?.close();
    this.#peer.value = undefined;
  }

  /** One connection from its offer to its end. */
  async #once(): Promise<"worked" | "failed" | "refused"> {
    const mine = ++this.#attempts;
    const early: Candidate[] = [];
    let asked = false;
    // Until the offer is on its way, the server would take candidates for those of the connection before.
    const peer = this.#options.open((candidate) => (asked ? this.#options.sendCandidate(candidate) : early.push(candidate)));
    try {
      const offer = await peer.offer();
      if (this.#stopping.signal.aborted || mine !== this.#attempts) return "failed";
      this.#peer.value = peer;
      const answer = this.#options.negotiate(offer);
      asked = true;
      for (const candidate of early) this.#options.sendCandidate(candidate);
      await peer.accept(await answer);
      return (await peer.dead) ? "worked" : "failed";
    } catch (error) {
      if (!(error instanceof RpcLost)) console.warn("a connection for media failed; trying again", error);
      return error instanceof RpcError && this.#options.isFinal(error) ? "refused" : "failed";
    } finally {
      peer.close();
    }
  }
}
