// Stand-ins for the browser and the server.

import type { ReceivingPeer, SendingPeer, Source } from "../src/rooms/peer.ts";
import type { Json, JsonObject } from "../src/shared/json.ts";
import type { Candidate, OnCandidate } from "../src/shared/peer.ts";
import type { SendLimit } from "../src/rooms/limits.ts";
import type { Socket } from "../src/shared/rpc.ts";
import type { Sample } from "../src/shared/quality.ts";

export interface Sent {
  id: number;
  method: string;
  params: JsonObject;
}

/** A socket whose far end is the test. */
export class FakeSocket implements Socket {
  readyState = 0;
  onopen: ((event: Event) => void) | null = null;
  onclose: ((event: CloseEvent) => void) | null = null;
  onmessage: ((event: MessageEvent<unknown>) => void) | null = null;
  /** What the page sent, without pings. */
  readonly sent: Sent[] = [];
  readonly pings: Sent[] = [];
  closedWith: number | undefined;
  /** Answers requests by itself; what it returns is the result, what it throws as [code, message] is the error. */
  answer: ((request: Sent) => JsonObject | undefined) | undefined;
  answersPings = true;

  open(): void {
    this.readyState = 1;
    this.onopen?.(new Event("open"));
  }

  send(text: string): void {
    const message = JSON.parse(text) as { id: number; method: string; params?: JsonObject };
    const sent = { id: message.id, method: message.method, params: message.params ?? {} };
    if (sent.method === "ping") {
      this.pings.push(sent);
      if (this.answersPings) queueMicrotask(() => this.reply(sent.id, { value: "pong" }));
      return;
    }
    this.sent.push(sent);
    queueMicrotask(() => this.#answerNow(sent));
  }

  #answerNow(sent: Sent): void {
    if (!this.answer) return;
    try {
      const result = this.answer(sent);
      if (result) this.reply(sent.id, result);
    } catch (error) {
      const [code, message] = error as [number, string];
      this.receive({ jsonrpc: "2.0", id: sent.id, error: { code, message } });
    }
  }

  reply(id: number, result: JsonObject): void {
    this.receive({ jsonrpc: "2.0", id, result });
  }

  event(method: string, params: JsonObject): void {
    this.receive({ jsonrpc: "2.0", method, params });
  }

  receive(message: Json): void {
    this.onmessage?.({ data: JSON.stringify(message) } as MessageEvent<unknown>);
  }

  /** The far end, or the network, ends it. */
  drop(code = 1006): void {
    this.readyState = 3;
    this.onclose?.({ code, reason: "" } as CloseEvent);
  }

  close(code?: number): void {
    this.closedWith = code;
    this.readyState = 3;
  }

  methods(): string[] {
    return this.sent.map((s) => s.method);
  }

  last(method: string): Sent {
    const found = this.sent.findLast((s) => s.method === method);
    if (!found) throw new Error(`${method} was not sent; sent were ${this.methods().join(", ")}`);
    return found;
  }
}

/** A connection without media. */
export class FakePeer implements SendingPeer, ReceivingPeer {
  readonly audio = {} as MediaStreamTrack;
  readonly video = {} as MediaStreamTrack;
  readonly dead: Promise<boolean>;
  readonly candidates: Candidate[] = [];
  answer: string | undefined;
  closed = false;
  source: Source | undefined;
  limited: SendLimit | undefined;
  die!: (worked: boolean) => void;

  constructor(readonly onCandidate: OnCandidate) {
    this.dead = new Promise((resolve) => (this.die = resolve));
  }

  async offer(): Promise<string> {
    this.onCandidate({ candidate: "candidate:early", sdpMid: "0", sdpMLineIndex: 0 });
    return "offer";
  }

  async accept(answer: string): Promise<void> {
    this.answer = answer;
  }

  addCandidate(candidate: Candidate): void {
    this.candidates.push(candidate);
  }

  async sample(): Promise<Sample> {
    return { at: 0 };
  }

  close(): void {
    this.closed = true;
    this.die(false);
  }

  async replace(source: Source): Promise<void> {
    this.source = source;
  }

  async limit(limit: SendLimit): Promise<void> {
    this.limited = limit;
  }

  level(): number | undefined {
    return undefined;
  }
}

/** Lets everything that is ready to run do so. */
export async function settle(): Promise<void> {
  for (let i = 0; i < 30; i++) await Promise.resolve();
}
