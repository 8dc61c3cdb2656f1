// The desk: one person's presence on the loops. It signs in, takes up a role, connects
// sound, and keeps all of that through lost connections and restarts of the server.

import { signal } from "@preact/signals";
import { backoff, pause } from "../shared/backoff.ts";
import { readIceServers } from "../shared/iceServers.ts";
import { asText, type JsonObject } from "../shared/json.ts";
import type { OnCandidate } from "../shared/peer.ts";
import { Rpc, RpcError, RpcLost, type Socket } from "../shared/rpc.ts";
import { Board, type BoardNews } from "./board.ts";
import { envelope } from "./grammar.ts";
import type { Ticket } from "./ticket.ts";
import type { VoicePeer } from "./voice.ts";
import { candidateParameter, readNews, readRoles, readUser, type News, type RoleInfo } from "./wire.ts";

/** "out" asks for name and password, "choosing" for a role; "entering" and "reconnecting" wait for the server. */
export type State = "out" | "signing-in" | "choosing" | "entering" | "on" | "reconnecting";

/** What the desk needs of the browser; tests hand in something simpler. */
export interface DeskTools {
  socket(): Socket;
  voice(iceServers: RTCIceServer[], onCandidate: OnCandidate): VoicePeer;
}

/** What the desk tells the page besides its signals. */
export interface DeskNews extends BoardNews {
  /** The server is there but sound does not come through; it is tried again. */
  noSound(error: unknown): void;
  /** An administrator asks all pages to load anew. */
  reload(): void;
}

/** Why the person has to sign in, other than that they want to. */
export interface Refusal {
  /** Whether a password was given, or the session of before. */
  by: "password" | "session";
  error: unknown;
}

const codes = { denied: 5000 };
/** Sessions are good for an hour; a page that stays open for days keeps its own alive. */
const renewMs = 15 * 60_000;
const pingMs = 10_000;
/** How long sound may take to connect, on a slow machine and a bad line. */
const soundMs = 20_000;
/** A connection that lived so long counts as sound; the next loss starts with short pauses again. */
const provenMs = 5000;

/** Sound could not be connected. */
class SoundFailed extends Error {
  override readonly name = "SoundFailed";
}

export class Desk {
  readonly state = signal<State>("out");
  readonly refusal = signal<Refusal | undefined>(undefined);
  /** What to call the person. */
  readonly name = signal("");
  readonly roles = signal<readonly RoleInfo[]>([]);
  readonly board = signal<Board | undefined>(undefined);
  /** The connection for sound; undefined between two. */
  readonly voice = signal<VoicePeer | undefined>(undefined);
  /** Whether talking on one loop ends talking on the others. */
  alone = (): boolean => false;

  #rpc: Rpc | undefined;
  #leaving = new AbortController();
  #domain = "";
  #open = false;
  #early: News[] = [];
  #heard: () => void = () => undefined;
  #chosen: () => void = () => undefined;
  #hurry: () => void = () => undefined;

  constructor(
    readonly ticket: Ticket,
    private readonly tools: DeskTools,
    private readonly news: DeskNews,
  ) {}

  /** Signs in and stays; resolves when signed out, or when the server does not let this person in. */
  signIn(user: string, password: string): Promise<void> {
    this.state.value = "signing-in";
    return this.#stay(user, password);
  }

  /** Comes back after a reload with the session of before. Without one it does nothing. */
  async resume(): Promise<void> {
    await this.ticket.claim();
    if (this.ticket.session === "") return;
    this.state.value = "entering";
    await this.#stay(this.ticket.user, undefined);
  }

  /** Takes up a role, the first or another one. A server lets one take a role once a connection. */
  choose(role: string): void {
    if (this.board.peek()?.role.id === role) return;
    this.ticket.keepRole(role);
    if (this.board.peek()) this.state.value = "entering";
    this.#chosen();
  }

  /** Signs out. The server is told, and gets a moment to answer. */
  async signOut(): Promise<void> {
    const rpc = this.#rpc;
    this.ticket.tear();
    if (rpc) await Promise.race([rpc.request("logout"), rpc.closed, pause(1000, new AbortController().signal)]).catch(() => undefined);
    this.#leaving.abort();
  }

  /** Opens or closes the person's microphone toward the loops on which they talk. */
  air(open: boolean): void {
    this.#open = open;
    this.board.peek()?.air(open);
  }

  /** Tries again now instead of after the pause, because the network is said to be back. */
  hurry(): void {
    this.#hurry();
  }

  // --- staying ---------------------------------------------------------------

  async #stay(user: string, password: string | undefined): Promise<void> {
    this.#leaving = new AbortController();
    this.refusal.value = undefined;
    try {
      for (let attempt = 0; !this.#leaving.signal.aborted; attempt++) {
        const since = performance.now();
        try {
          if ((await this.#visit(user, password ?? this.ticket.session, () => (password = undefined))) === "again") {
            attempt = -1;
            continue;
          }
        } catch (error) {
          if (this.#isFinal(error, password)) {
            this.refusal.value = { by: password === undefined ? "session" : "password", error };
            if (password === undefined) this.ticket.tear();
            return;
          }
          if (error instanceof SoundFailed || (error instanceof RpcError && !(error instanceof Refused))) this.news.noSound(error);
        }
        if (performance.now() - since > provenMs) attempt = 0;
        // Without a session the person has just signed out.
        if (this.state.peek() === "on" && this.ticket.session !== "") this.state.value = "reconnecting";
        const hurried = new Promise<void>((resolve) => (this.#hurry = resolve));
        await pause(backoff(attempt), this.#leaving.signal, hurried);
      }
    } finally {
      this.board.value = undefined;
      this.state.value = "out";
    }
  }

  /** A person at the form is told at once what is wrong; a desk that was in comes back unless its session is void. */
  #isFinal(error: unknown, password: string | undefined): boolean {
    if (this.#leaving.signal.aborted) return false;
    return password !== undefined || (error instanceof Refused && error.code === codes.denied);
  }

  /** One connection from its opening to its end. "again" asks for another one at once. */
  async #visit(user: string, secret: string, admitted: () => void): Promise<"again" | "lost"> {
    const rpc = await Rpc.open(this.tools.socket(), {
      grammar: envelope(this.ticket.client),
      notify: (event, message) => this.#notify(event, message),
      pingMs,
    });
    if (this.#leaving.signal.aborted) {
      rpc.close();
      return "lost";
    }
    const leave = (): void => rpc.close();
    this.#leaving.signal.addEventListener("abort", leave);
    this.#rpc = rpc;
    const renewal = setInterval(() => void this.#renew(rpc), renewMs);
    try {
      await this.#login(rpc, user, secret);
      admitted();
      const role = await this.#takeRole(rpc);
      if (!role) return (await ended(rpc)) ?? "again";
      const changed = new Promise<"again">((resolve) => (this.#chosen = () => resolve("again")));
      const board = this.#boardFor(role, user);
      await board.load(rpc);
      this.board.value = board;
      const voice = await this.#connectSound(rpc);
      await board.restore(rpc);
      board.air(this.#open);
      this.state.value = "on";
      return await Promise.race([changed, rpc.closed.then(() => "lost" as const), voice.dead.then(() => "lost" as const)]);
    } finally {
      clearInterval(renewal);
      this.#leaving.signal.removeEventListener("abort", leave);
      this.#rpc = undefined;
      this.board.peek()?.suspend();
      this.voice.peek()?.close();
      this.voice.value = undefined;
      this.#early = [];
      rpc.close();
    }
  }

  async #login(rpc: Rpc, user: string, secret: string): Promise<void> {
    let response: JsonObject;
    try {
      response = await rpc.request("login", { user, password: secret });
    } catch (error) {
      throw error instanceof RpcError ? new Refused(error.code, error.message) : error;
    }
    // Each login voids the session before it, so that the new one is kept before anything else happens.
    if (!this.#leaving.signal.aborted) this.ticket.keep(user, asText(response["session"]) ?? "");
    const [own, roles] = await Promise.all([rpc.request("get", { type: "user", id: user }), rpc.request("user_roles")]);
    const { name, domain } = readUser(own, user);
    this.#domain = domain;
    this.name.value = name;
    this.roles.value = readRoles(roles);
  }

  /** The role of before, or the only one, or the one that the person chooses; undefined if there is none by now. */
  async #takeRole(rpc: Rpc): Promise<RoleInfo | undefined> {
    const roles = this.roles.peek();
    const find = (id: string): RoleInfo | undefined => roles.find((r) => r.id === id);
    let role = find(this.ticket.role) ?? (roles.length === 1 ? roles[0] : undefined);
    if (!role) {
      this.board.value = undefined;
      this.state.value = "choosing";
      await Promise.race([new Promise<void>((resolve) => (this.#chosen = resolve)), rpc.closed]);
      role = find(this.ticket.role);
      if (!role) return undefined;
    }
    if (this.state.peek() !== "reconnecting") this.state.value = "entering";
    try {
      await rpc.request("authorize", { role: role.id });
    } catch (error) {
      if (!(error instanceof RpcError) || error.code !== codes.denied) throw error;
      this.ticket.keepRole(""); // taken from the person meanwhile
      return undefined;
    }
    this.ticket.keepRole(role.id);
    return role;
  }

  #boardFor(role: RoleInfo, user: string): Board {
    const known = this.board.peek();
    const { client } = this.ticket;
    if (known?.role.id === role.id && known.self.user === user && known.self.client === client) return known;
    return new Board({ client, user, domain: this.#domain }, role, () => this.alone(), this.news);
  }

  async #connectSound(rpc: Rpc): Promise<VoicePeer> {
    const ready = new Promise<"ready">((resolve) => (this.#heard = () => resolve("ready")));
    const offer = await rpc.request("media", { type: "request" });
    const mine: JsonObject[] = [];
    let asked = false;
    // Before the answer the server would not know what to do with candidates; a lost one is no loss.
    const send = (candidate: JsonObject): void => void rpc.request("candidate", candidate).catch(() => undefined);
    const voice = this.tools.voice(readIceServers(offer["iceServers"]), (candidate) => {
      if (asked) send(candidateParameter(candidate));
      else mine.push(candidateParameter(candidate));
    });
    this.voice.value = voice;
    for (const news of this.#early.splice(0)) this.#hear(news);
    const sdp = await voice.answer(asText(offer["sdp"]) ?? "").catch((error: unknown) => {
      throw new SoundFailed(String(error));
    });
    const answered = rpc.request("media", { type: "answer", sdp });
    asked = true;
    for (const candidate of mine) send(candidate);
    await answered;
    const done = new AbortController();
    const first = await Promise.race([ready, voice.dead, rpc.closed.then(() => "lost"), pause(soundMs, done.signal)]);
    done.abort();
    if (first === "lost") throw new RpcLost("the connection ended");
    if (first !== "ready") throw new SoundFailed("the connection for sound was not made");
    return voice;
  }

  async #renew(rpc: Rpc): Promise<void> {
    const { user, session } = this.ticket;
    const response = await rpc.request("update_login", { user, session }).catch(() => undefined);
    const renewed = asText(response?.["session"]);
    if (renewed !== undefined && this.ticket.session === session) this.ticket.keep(user, renewed);
  }

  // --- news ------------------------------------------------------------------

  #notify(event: string, message: JsonObject): void {
    const news = readNews(event, message);
    if (news) this.#hear(news);
  }

  #hear(news: News): void {
    switch (news.kind) {
      case "ready":
        return this.#heard();
      case "reload":
        return this.news.reload();
      case "candidate": {
        const voice = this.voice.peek();
        if (voice) voice.addCandidate(news.candidate);
        else this.#early.push(news);
        return;
      }
      default:
        this.board.peek()?.apply(news);
    }
  }
}

/** The server does not let the person in. */
class Refused extends RpcError {}

/** "lost" if the connection has ended, undefined if it has not. */
function ended(rpc: Rpc): Promise<"lost" | undefined> {
  return Promise.race([rpc.closed.then(() => "lost" as const), Promise.resolve(undefined)]);
}
