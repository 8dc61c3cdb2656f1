// Stand-ins for the loop server and for sound.

import type { Json, JsonObject } from "../src/shared/json.ts";
import type { Candidate, OnCandidate } from "../src/shared/peer.ts";
import type { Sample } from "../src/shared/quality.ts";
import type { Socket } from "../src/shared/rpc.ts";
import type { VoicePeer } from "../src/loops/voice.ts";

export interface Asked {
  event: string;
  uuid: string;
  client: string;
  type: string;
  parameter: JsonObject;
}

/** A refusal, to be thrown by what answers. */
export class Refuse {
  constructor(
    readonly code: number,
    readonly description: string,
  ) {}
}

/** A socket whose far end is the test. */
export class LoopSocket implements Socket {
  readyState = 0;
  onopen: ((event: Event) => void) | null = null;
  onclose: ((event: CloseEvent) => void) | null = null;
  onmessage: ((event: MessageEvent<unknown>) => void) | null = null;
  /** What the page asked, without the requests that only show that it lives. */
  readonly asked: Asked[] = [];
  closed = false;

  constructor(private readonly answer: (asked: Asked, socket: LoopSocket) => JsonObject | undefined) {}

  open(): void {
    this.readyState = 1;
    this.onopen?.(new Event("open"));
  }

  send(text: string): void {
    const asked = JSON.parse(text) as Asked;
    if (asked.event === "register") return queueMicrotask(() => this.#reply(asked, { response: {} }));
    this.asked.push(asked);
    queueMicrotask(() => {
      try {
        const response = this.answer(asked, this);
        if (response) this.#reply(asked, { response });
      } catch (error) {
        if (!(error instanceof Refuse)) throw error;
        this.#reply(asked, { response: {}, error: { code: error.code, description: error.description } });
      }
    });
  }

  #reply(asked: Asked, rest: JsonObject): void {
    const { event, uuid, client, type } = asked;
    this.receive({ event, uuid, client, type, ...rest });
  }

  push(event: string, type: string, parameter: JsonObject): void {
    this.receive({ event, uuid: "pushed", type, parameter });
  }

  receive(message: Json): void {
    this.onmessage?.({ data: JSON.stringify(message) } as MessageEvent<unknown>);
  }

  /** The far end, or the network, ends it. */
  drop(code = 1006): void {
    this.readyState = 3;
    this.onclose?.({ code, reason: "" } as CloseEvent);
  }

  close(): void {
    this.closed = true;
    this.readyState = 3;
  }

  of(event: string): JsonObject[] {
    return this.asked.filter((a) => a.event === event).map((a) => a.parameter);
  }
}

/** A connection without sound. */
export class FakeVoice implements VoicePeer {
  readonly sound = {} as MediaStream;
  readonly dead: Promise<boolean>;
  readonly candidates: Candidate[] = [];
  offered = "";
  closed = false;
  die!: (worked: boolean) => void;

  constructor(readonly onCandidate: OnCandidate) {
    this.dead = new Promise((resolve) => (this.die = resolve));
  }

  async answer(sdpOffer: string): Promise<string> {
    this.offered = sdpOffer;
    this.onCandidate({ candidate: "candidate:1 1 udp 1 10.0.0.1 9 typ host ufrag Ab+1 network-id 1", sdpMid: "0", sdpMLineIndex: 0 });
    return "our answer";
  }

  async send(): Promise<void> {}

  hear(): void {}

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
}

/** A browser's storage. */
export class FakeStorage implements Storage {
  readonly values = new Map<string, string>();
  [name: string]: unknown;

  get length(): number {
    return this.values.size;
  }

  key(index: number): string | null {
    return [...this.values.keys()][index] ?? null;
  }

  getItem(key: string): string | null {
    return this.values.get(key) ?? null;
  }

  setItem(key: string, value: string): void {
    this.values.set(key, value);
  }

  removeItem(key: string): void {
    this.values.delete(key);
  }

  clear(): void {
    this.values.clear();
  }
}
