// The room as this page sees it: who is there, what they send, what was said; and
// the one loop that keeps the page in it, through lost connections and restarts.

import { batch, signal } from "@preact/signals";
import { backoff, pause } from "../shared/backoff.ts";
import type { JsonObject } from "../shared/json.ts";
import type { Candidate, OnCandidate } from "../shared/peer.ts";
import { Rpc, RpcError, RpcLost, type Ending, type Socket } from "../shared/rpc.ts";
import { Feed } from "./feed.ts";
import { jsonRpc } from "./grammar.ts";
import { sendLimit, type SendLimit } from "./limits.ts";
import { Line } from "./line.ts";
import type { ReceivingPeer, SendingPeer, Source } from "./peer.ts";
import { Publication } from "./publication.ts";
import { admission, camera, endpointName, roomEvent, senderName, type MemberInfo, type RoomEvent } from "./wire.ts";

export type State = "idle" | "joining" | "joined" | "reconnecting" | "left";

/** Somebody else in the room. */
export interface Member {
  readonly name: string;
  readonly feeds: readonly Feed[];
}

/** What the room tells the page besides its signals. */
export interface RoomNews {
  arrived(name: string): void;
  departed(name: string): void;
  said(user: string, text: string): void;
  mediaError(text: string): void;
  /** The server does not let this page send or receive a stream, and will not. */
  refused(what: "send" | "receive", text: string): void;
}

/** What the room needs from the browser; tests hand in something simpler. */
export interface RoomTools {
  socket(): Socket;
  sendingPeer(source: Source, limit: SendLimit, iceServers: RTCIceServer[], onCandidate: OnCandidate): SendingPeer;
  receivingPeer(iceServers: RTCIceServer[], onCandidate: OnCandidate): ReceivingPeer;
}

/** Why a visit ended that the person did not end; `error` is the server's refusal or the loss of the line. */
export type Farewell = { kind: "evicted" } | { kind: "closed" } | { kind: "error"; error: Error };

const codes = { notAllowed: 101, userExists: 104, roomClosed: 203 };
/** How often a returning member is refused because the server has not yet noticed that its former self is gone. */
const patience = 8;
/** A connection that lived so long counts as sound; the next loss starts with short pauses again. */
const soundMs = 5000;
/** Codes of WebSocket closure (RFC 6455 7.4) by which a server says that it will be back. */
const goingAway = new Set([1001, 1012]);

export class Room {
  readonly state = signal<State>("idle");
  readonly members = signal<readonly Member[]>([]);
  readonly publications = signal<readonly Publication[]>([]);

  #rpc: Rpc | undefined;
  #sessionId = "";
  #iceServers: RTCIceServer[] = [];
  #leaving = new AbortController();
  #farewell: Farewell | undefined;
  #readyWaiters = new Set<() => void>();
  #hurry: () => void = () => undefined;

  constructor(
    readonly name: string,
    readonly user: string,
    private readonly tools: RoomTools,
    private readonly news: RoomNews,
  ) {}

  /**
   * Enters the room and stays in it. Resolves when the visit is over: undefined if the
   * person left, else why. Rejects if the room could not be entered in the first place.
   */
  async stay(): Promise<Farewell | undefined> {
    this.state.value = "joining";
    try {
      let rpc = await this.#connect();
      for (let attempt = 0; ; ) {
        const since = performance.now();
        const ending = await rpc.closed;
        this.#rpc = undefined;
        const farewell = this.#judgeEnding(ending);
        if (farewell !== "lost") return farewell;
        this.state.value = "reconnecting";
        if (performance.now() - since > soundMs) attempt = 0;
        const returned = await this.#return(attempt);
        if (!(returned instanceof Rpc)) return returned;
        rpc = returned;
        attempt++;
      }
    } finally {
      this.#finish();
    }
  }

  /** Leaves for good. The server is told, and gets a moment to answer. */
  async leave(): Promise<void> {
    this.#leaving.abort();
    const rpc = this.#rpc;
    if (rpc) await Promise.race([rpc.request("leaveRoom", {}), rpc.closed, pause(1000, new AbortController().signal)]).catch(() => undefined);
    this.#finish();
  }

  /** Leaves while the page goes away, when there is no time to wait for anything. */
  vanish(): void {
    this.#leaving.abort();
    this.#rpc?.request("leaveRoom", {}).catch(() => undefined);
    this.#finish();
  }

  /** Tries again now instead of after the pause, because the network is said to be back. */
  hurry(): void {
    this.#hurry();
  }

  /** Says something to everybody, this page included. Rejects if it could not be said. */
  async say(text: string): Promise<void> {
    await this.#request("sendMessage", { message: text, userMessage: this.user, roomMessage: this.name });
  }

  /** Starts to send a stream, or changes the tracks of one that is sent. Two empty tracks end it. */
  async send(stream: string, source: Source): Promise<void> {
    const publication = this.publications.peek().find((p) => p.stream === stream);
    if (!source.audio && !source.video) {
      await this.#withdraw(publication);
    } else if (publication) {
      await publication.replace(source);
    } else {
      this.publications.value = [...this.publications.peek(), this.#publish(stream, source)];
    }
  }

  // --- staying connected -----------------------------------------------------

  async #connect(): Promise<Rpc> {
    if (this.#leaving.signal.aborted) throw new RpcLost("left");
    const rpc = await Rpc.open(this.tools.socket(), { grammar: jsonRpc, notify: (method, params) => this.#notify(method, params) });
    try {
      await this.#enter(rpc);
    } catch (error) {
      rpc.close();
      throw error;
    }
    if (this.#leaving.signal.aborted) {
      rpc.request("leaveRoom", {}).catch(() => undefined);
      rpc.close();
      throw new RpcLost("left");
    }
    this.#rpc = rpc;
    this.state.value = "joined";
    for (const wake of [...this.#readyWaiters]) wake();
    return rpc;
  }

  /** Resumes the former session if the server still has it, else joins anew. */
  async #enter(rpc: Rpc): Promise<void> {
    if (this.#sessionId !== "") {
      try {
        await rpc.request("connect", { sessionId: this.#sessionId });
        return; // all media lived on, and what was missed comes as ordinary events
      } catch (error) {
        if (!(error instanceof RpcError)) throw error;
        this.#sessionId = "";
      }
    }
    // Asking for a session first tells the server that this client can come back to it.
    await rpc.request("connect", {}).catch(rethrowLost);
    this.#admit(await rpc.request("joinRoom", { user: this.user, room: this.name }));
  }

  /** Tries until it works, until the person leaves, or until the server's refusal is final. */
  async #return(attempt: number): Promise<Rpc | Farewell | undefined> {
    for (let refusals = 0; ; attempt++) {
      const hurried = new Promise<void>((resolve) => (this.#hurry = resolve));
      await pause(backoff(attempt), this.#leaving.signal, hurried);
      if (this.#leaving.signal.aborted) return undefined;
      try {
        return await this.#connect();
      } catch (error) {
        if (this.#leaving.signal.aborted) return undefined;
        if (!(error instanceof RpcError)) continue;
        const temporary = error.code === codes.userExists || error.code === codes.roomClosed;
        if (!temporary || ++refusals >= patience) return { kind: "error", error };
      }
    }
  }

  #judgeEnding(ending: Ending): Farewell | undefined | "lost" {
    if (this.#leaving.signal.aborted) return undefined;
    if (this.#farewell?.kind === "closed" && goingAway.has(ending.code)) this.#farewell = undefined;
    return this.#farewell ?? "lost";
  }

  #finish(): void {
    this.#leaving.abort();
    for (const member of this.members.peek()) for (const feed of member.feeds) feed.stop();
    for (const publication of this.publications.peek()) publication.line.stop();
    this.#rpc?.close();
    this.#rpc = undefined;
    for (const wake of [...this.#readyWaiters]) wake();
    batch(() => {
      this.members.value = [];
      this.publications.value = [];
      this.state.value = "left";
    });
  }

  /** Waits until the page is in the room; also returns when `signal` is aborted. */
  #ready = (stopping: AbortSignal): Promise<void> => {
    return new Promise((resolve) => {
      const done = (): void => {
        this.#readyWaiters.delete(done);
        stopping.removeEventListener("abort", done);
        resolve();
      };
      if (this.#rpc || stopping.aborted) return resolve();
      this.#readyWaiters.add(done);
      stopping.addEventListener("abort", done);
    });
  };

  #request(method: string, params: JsonObject): Promise<JsonObject> {
    return this.#rpc?.request(method, params) ?? Promise.reject(new RpcLost("not connected"));
  }

  // --- who is there ----------------------------------------------------------

  #notify(method: string, params: JsonObject): void {
    const event = roomEvent(method, params);
    if (event) batch(() => this.#apply(event));
  }

  #apply(event: RoomEvent): void {
    switch (event.kind) {
      case "joined":
        return this.#meet({ name: event.name, streams: this.#streamsOf(event.name) }, true);
      case "published":
        return this.#meet({ name: event.name, streams: event.streams.length > 0 ? event.streams : [camera] }, true);
      case "unpublished":
        return this.#meet({ name: event.name, streams: event.remaining }, true);
      case "left":
        return this.#part(event.name);
      case "chat":
        return this.news.said(event.user, event.text);
      case "candidate":
        return this.#addCandidate(event.endpoint, event.candidate);
      case "mediaError":
        return this.news.mediaError(event.text);
      case "evicted":
      case "closed":
        return this.#dismiss(event.kind);
    }
  }

  /** Takes the list of those who are there after joining. Whoever was there before keeps their place. */
  #admit(result: JsonObject): void {
    const { sessionId, members, iceServers } = admission(result);
    const returning = this.#sessionId === "" && this.members.peek().length > 0;
    this.#sessionId = sessionId;
    this.#iceServers = iceServers;
    batch(() => {
      const present = new Set(members.map((m) => m.name));
      for (const member of this.members.peek()) if (!present.has(member.name)) this.#part(member.name);
      for (const member of this.members.peek()) for (const feed of member.feeds) feed.line.restart();
      for (const member of members) this.#meet(member, returning);
    });
    for (const publication of this.publications.peek()) {
      publication.announced = false;
      publication.line.restart();
    }
  }

  /** Makes what is shown of a member what the server says; the same news twice changes nothing. */
  #meet(info: MemberInfo, announce: boolean): void {
    if (info.name === this.user) return;
    const members = this.members.peek();
    const known = members.find((m) => m.name === info.name);
    const kept = (known?.feeds ?? []).filter((f) => info.streams.includes(f.stream));
    for (const feed of known?.feeds ?? []) if (!kept.includes(feed)) feed.stop();
    const fresh = info.streams.filter((s) => !kept.some((f) => f.stream === s)).map((s) => this.#subscribe(info.name, s));
    if (known && fresh.length === 0 && kept.length === known.feeds.length) return;
    const member = { name: info.name, feeds: [...kept, ...fresh] };
    this.members.value = known ? members.map((m) => (m === known ? member : m)) : [...members, member];
    if (!known) {
      this.#restrict();
      if (announce) this.news.arrived(info.name);
    }
  }

  #part(name: string): void {
    const member = this.members.peek().find((m) => m.name === name);
    if (!member) return;
    for (const feed of member.feeds) feed.stop();
    this.members.value = this.members.peek().filter((m) => m !== member);
    this.#restrict();
    this.news.departed(name);
  }

  #streamsOf(name: string): string[] {
    return this.members.peek().find((m) => m.name === name)?.feeds.map((f) => f.stream) ?? [];
  }

  /** The server sends us away; it closes the connection itself, unless it forgets to. */
  #dismiss(kind: "evicted" | "closed"): void {
    this.#farewell = { kind };
    const rpc = this.#rpc;
    void pause(3000, this.#leaving.signal).then(() => rpc?.close());
  }

  // --- media -----------------------------------------------------------------

  #subscribe(user: string, stream: string): Feed {
    const sender = senderName(user, stream);
    const line = new Line<ReceivingPeer>({
      ready: this.#ready,
      open: (onCandidate) => this.tools.receivingPeer(this.#iceServers, onCandidate),
      negotiate: async (sdpOffer) => String((await this.#request("receiveVideoFrom", { sender, sdpOffer }))["sdpAnswer"] ?? ""),
      sendCandidate: (candidate) => this.#sendCandidate(endpointName(user, stream), candidate),
      isFinal: (error) => this.#isFinal("receive", error),
    });
    return new Feed(user, stream, line);
  }

  #publish(stream: string, source: Source): Publication {
    const named = stream === camera ? {} : { stream };
    const publication: Publication = new Publication(
      stream,
      new Line<SendingPeer>({
        ready: this.#ready,
        open: (onCandidate) => this.tools.sendingPeer(publication.source, publication.limit, this.#iceServers, onCandidate),
        negotiate: async (sdpOffer) => {
          // Both are sent at once, so that no candidate slips in between.
          if (publication.announced) this.#request("unpublishVideo", named).catch(() => undefined);
          publication.announced = true;
          const answer = await this.#request("publishVideo", { sdpOffer, doLoopback: false, ...named });
          return String(answer["sdpAnswer"] ?? "");
        },
        sendCandidate: (candidate) => this.#sendCandidate(endpointName(this.user, stream), candidate),
        isFinal: (error) => this.#isFinal("send", error),
      }),
      source,
      sendLimit(stream, this.members.peek().length + 1),
    );
    return publication;
  }

  /** Only a lack of rights is for good; as long as the server lists a stream, anything else is worth another try. */
  #isFinal(what: "send" | "receive", error: RpcError): boolean {
    if (error.code !== codes.notAllowed) return false;
    this.news.refused(what, error.message);
    return true;
  }

  async #withdraw(publication: Publication | undefined): Promise<void> {
    if (!publication) return;
    this.publications.value = this.publications.peek().filter((p) => p !== publication);
    publication.line.stop();
    if (!publication.announced) return;
    const named = publication.stream === camera ? {} : { stream: publication.stream };
    // Whatever goes wrong here, the stream is gone with its connection.
    await this.#request("unpublishVideo", named).catch(() => undefined);
  }

  /** Fits what is sent to the number of people. */
  #restrict(): void {
    for (const publication of this.publications.peek()) {
      publication.restrict(sendLimit(publication.stream, this.members.peek().length + 1)).catch(() => undefined);
    }
  }

  #sendCandidate(endpointName: string, candidate: Candidate): void {
    // A lost candidate is no loss: the server knows its own, and the connection is tried again anyway.
    this.#request("onIceCandidate", { endpointName, ...candidate }).catch(() => undefined);
  }

  #addCandidate(endpoint: string, candidate: Candidate): void {
    for (const publication of this.publications.peek()) {
      if (endpointName(this.user, publication.stream) === endpoint) publication.line.addCandidate(candidate);
    }
    for (const feed of this.members.peek().flatMap((m) => m.feeds)) {
      if (endpointName(feed.user, feed.stream) === endpoint) feed.line.addCandidate(candidate);
    }
  }
}

function rethrowLost(error: unknown): void {
  if (!(error instanceof RpcError)) throw error;
}
