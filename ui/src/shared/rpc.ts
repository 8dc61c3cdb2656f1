// Requests and answers over one WebSocket. It knows requests, notifications and
// pings, in whatever grammar the server speaks; it does not know what they mean. One
// Rpc lives exactly as long as its socket.

import { parseObject, type JsonObject } from "./json.ts";

/** The part of WebSocket that is used here, so that tests can do without a network. */
export interface Socket {
  readonly readyState: number;
  onopen: ((event: Event) => void) | null;
  onclose: ((event: CloseEvent) => void) | null;
  onmessage: ((event: MessageEvent<unknown>) => void) | null;
  send(text: string): void;
  close(code?: number, reason?: string): void;
}

/** What the server answered instead of a result. */
export class RpcError extends Error {
  override readonly name = "RpcError";
  constructor(readonly code: number, message: string) {
    super(message);
  }
}

/** The connection ended, or never came to be, before the answer arrived. */
export class RpcLost extends Error {
  override readonly name = "RpcLost";
}

/** How a protocol says what all of them have: requests, their answers, and news. */
export interface Grammar {
  /** The message of request number `n`, and the name by which its answer will be known. */
  request(n: number, method: string, params: JsonObject | undefined): { id: string | number; message: JsonObject };
  /** What a message is; undefined for one that makes no sense. */
  read(message: JsonObject): Incoming | undefined;
  /** The request that shows that the line is alive; the first one may tell how often there will be one. */
  ping(everyMs?: number): { method: string; params?: JsonObject };
}

export type Incoming =
  | { kind: "answer"; id: string | number; result: JsonObject }
  | { kind: "refusal"; id: string | number; error: RpcError }
  | { kind: "news"; method: string; params: JsonObject };

export interface RpcOptions {
  grammar: Grammar;
  /** Called for each message that answers nothing, in the order of arrival. */
  notify(method: string, params: JsonObject): void;
  /** Time between pings. */
  pingMs?: number;
  /** A request, and the opening of the socket, may take this long. */
  timeoutMs?: number;
}

interface Pending {
  resolve(result: JsonObject): void;
  reject(reason: Error): void;
  timer: ReturnType<typeof setTimeout>;
}

const OPEN = 1;

/** How a connection ended. The code is the WebSocket's, 1000 if this page closed it, 1006 if the line just broke. */
export interface Ending {
  code: number;
  reason: string;
}

export class Rpc {
  /** Resolves when the connection has ended, for whatever cause. Never rejects. */
  readonly closed: Promise<Ending>;

  #socket: Socket;
  #options: Required<RpcOptions>;
  #pending = new Map<string | number, Pending>();
  #asked = 0;
  #pings: ReturnType<typeof setInterval> | undefined;
  #end!: (ending: Ending) => void;
  #ended = false;

  private constructor(socket: Socket, options: RpcOptions) {
    this.#socket = socket;
    this.#options = { pingMs: 3000, timeoutMs: 15_000, ...options };
    this.closed = new Promise((resolve) => (this.#end = resolve));
    socket.onmessage = (event) => this.#receive(event.data);
    socket.onclose = (event) => this.#lose(event.reason || `the connection ended (code ${event.code})`, event.code);
  }

  /** Resolves when the socket is open and the first ping is on its way; rejects with RpcLost. */
  static open(socket: Socket, options: RpcOptions): Promise<Rpc> {
    const rpc = new Rpc(socket, options);
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => rpc.#lose("the server did not answer"), rpc.#options.timeoutMs);
      socket.onopen = () => {
        clearTimeout(timer);
        rpc.#startPings();
        resolve(rpc);
      };
      void rpc.closed.then(({ reason }) => {
        clearTimeout(timer);
        reject(new RpcLost(reason));
      });
    });
  }

  /** Sends at once. Rejects with RpcError if the server refuses, with RpcLost if there is no answer to be had. */
  request(method: string, params?: JsonObject): Promise<JsonObject> {
    return this.#ask(method, params, this.#options.timeoutMs);
  }

  /** Ends the connection from this side, with the code of a normal end. */
  close(reason = "closed by this page"): void {
    this.#lose(reason, 1000);
  }

  #ask(method: string, params: JsonObject | undefined, timeoutMs: number): Promise<JsonObject> {
    if (this.#ended || this.#socket.readyState !== OPEN) return Promise.reject(new RpcLost("not connected"));
    const { id, message } = this.#options.grammar.request(this.#asked++, method, params);
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => {
        this.#pending.delete(id);
        reject(new RpcLost(`no answer to ${method}`));
      }, timeoutMs);
      this.#pending.set(id, { resolve, reject, timer });
      this.#socket.send(JSON.stringify(message));
    });
  }

  // Two unanswered pings in a row mean a dead line, long before TCP would say so. A
  // refused one shows that somebody is there.
  #startPings(): void {
    const { pingMs, grammar } = this.#options;
    const ping = (everyMs?: number): void => {
      const { method, params } = grammar.ping(everyMs);
      this.#ask(method, params, 2 * pingMs).catch((error: unknown) => {
        if (error instanceof RpcLost) this.#lose("the server does not answer pings");
      });
    };
    ping(pingMs);
    this.#pings = setInterval(ping, pingMs);
  }

  #receive(data: unknown): void {
    const message = typeof data === "string" ? parseObject(data) : undefined;
    const incoming = message && this.#options.grammar.read(message);
    if (!incoming) return;
    if (incoming.kind === "news") return this.#options.notify(incoming.method, incoming.params);
    const pending = this.#pending.get(incoming.id);
    if (!pending) return;
    this.#pending.delete(incoming.id);
    clearTimeout(pending.timer);
    if (incoming.kind === "refusal") pending.reject(incoming.error);
    else pending.resolve(incoming.result);
  }

  #lose(reason: string, code = 1006): void {
    if (this.#ended) return;
    this.#ended = true;
    clearInterval(this.#pings);
    this.#socket.onmessage = this.#socket.onclose = this.#socket.onopen = null;
    this.#socket.close(1000);
    for (const pending of this.#pending.values()) {
      clearTimeout(pending.timer);
      pending.reject(new RpcLost(reason));
    }
    this.#pending.clear();
    this.#end({ code, reason });
  }
}
