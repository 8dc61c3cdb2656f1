// A JSON-RPC 2.0 client over one WebSocket. It knows requests, notifications and
// pings; it does not know rooms. One Rpc lives exactly as long as its socket.

export type Json = null | boolean | number | string | Json[] | { [key: string]: Json | undefined };
export type JsonObject = { [key: string]: Json | undefined };

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

export interface RpcOptions {
  /** Called for each message without an id, in the order of arrival. */
  notify(method: string, params: JsonObject): void;
  /** Time between pings; also told to the server, which watches for them. */
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
  #pending = new Map<number, Pending>();
  #nextId = 0;
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
    const id = this.#nextId++;
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => {
        this.#pending.delete(id);
        reject(new RpcLost(`no answer to ${method}`));
      }, timeoutMs);
      this.#pending.set(id, { resolve, reject, timer });
      this.#socket.send(JSON.stringify({ jsonrpc: "2.0", method, ...(params && { params }), id }));
    });
  }

  // The first ping tells the server how often to expect one. Two unanswered ones in
  // a row mean a dead line, long before TCP would say so.
  #startPings(): void {
    const { pingMs } = this.#options;
    const ping = (params?: JsonObject): void => {
      this.#ask("ping", params, 2 * pingMs).catch(() => this.#lose("the server does not answer pings"));
    };
    ping({ interval: pingMs });
    this.#pings = setInterval(ping, pingMs);
  }

  #receive(data: unknown): void {
    const message = typeof data === "string" ? parseObject(data) : undefined;
    if (!message) return;
    if (typeof message["method"] === "string") {
      if (message["id"] === undefined) this.#options.notify(message["method"], asObject(message["params"]) ?? {});
      return;
    }
    const pending = typeof message["id"] === "number" ? this.#pending.get(message["id"]) : undefined;
    if (!pending) return;
    this.#pending.delete(message["id"] as number);
    clearTimeout(pending.timer);
    const error = asObject(message["error"]);
    if (error) {
      pending.reject(new RpcError(Number(error["code"] ?? 0), String(error["message"] ?? "the server refused")));
    } else {
      pending.resolve(asObject(message["result"]) ?? {});
    }
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

/** The value as an object, or undefined for anything else. */
export function asObject(value: Json | undefined): JsonObject | undefined {
  return typeof value === "object" && value !== null && !Array.isArray(value) ? value : undefined;
}

function parseObject(text: string): JsonObject | undefined {
  try {
    return asObject(JSON.parse(text) as Json);
  } catch {
    return undefined;
  }
}
