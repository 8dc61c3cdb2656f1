// The board: the loops of a role, what the person does on each, and who else is
// there. It lives as long as the role is kept, through lost connections.

import { batch, computed, signal } from "@preact/signals";
import { asText } from "../shared/json.ts";
import { RpcLost, type Rpc } from "../shared/rpc.ts";
import { arrange, type Page } from "./arrange.ts";
import { Loop } from "./loop.ts";
import { readGrid, readLoops, readSwitched, readVolume, stateOf, type Grid, type LoopNews, type Mode, type Person, type RoleInfo } from "./wire.ts";

/** What the board tells besides its signals. */
export interface BoardNews {
  /** Somebody else begins to talk on a loop that the person hears. */
  talks(who: Person, loop: Loop): void;
  /** The server switched a loop by itself. */
  moved(loop: Loop, mode: Mode): void;
  /** The server does not do what was asked. */
  refused(what: "switch" | "volume" | "talking", loop: Loop, error: unknown): void;
}

/** For how long after a press here the other window's news may be echoes. */
const echoMs = 2000;

/** As whom the board speaks. */
export interface Self {
  client: string;
  user: string;
  domain: string;
}

export class Board {
  readonly loops = signal<readonly Loop[]>([]);
  readonly grid = signal<Grid>({ rows: 0, columns: 0 });
  readonly pages = computed<readonly Page<Loop>[]>(() => arrange(this.loops.value, this.grid.value));
  /** The loops on which the person is heard when they press to talk. */
  readonly talkLoops = computed(() => this.loops.value.filter((l) => l.mode.value === "talk"));

  #rpc: Rpc | undefined;
  #open = false;
  /** The loops on which the others were told that the person talks. */
  #told = new Set<string>();

  constructor(
    readonly self: Self,
    readonly role: RoleInfo,
    /** Whether talking on one loop ends talking on the others. */
    private readonly alone: () => boolean,
    private readonly news: BoardNews,
  ) {}

  /** Fetches the keys. */
  async load(rpc: Rpc): Promise<void> {
    const { domain } = this.self;
    const [loops, layout] = await Promise.all([
      rpc.request("role_loops"),
      // Without a layout the keys stand side by side.
      rpc.request("get_keyset_layout", { domain, layout: this.role.layout }).catch((error: unknown) => {
        if (error instanceof RpcLost) throw error;
        return {};
      }),
    ]);
    batch(() => {
      this.grid.value = readGrid(layout);
      const before = this.loops.peek();
      this.loops.value = readLoops(loops).map((info) => {
        const loop = new Loop(info);
        // Until the server tells anew, what was last known is better than nothing, and nothing on the page jumps.
        const known = before.find((l) => l.id === info.id)?.presence.peek();
        if (known && !info.presence) loop.presence.value = known;
        return loop;
      });
    });
  }

  /** Takes up every loop as it was left, now that sound is connected, and learns who is there where that was not told. */
  async restore(rpc: Rpc): Promise<void> {
    this.#told.clear();
    await Promise.all(
      this.loops.peek().map(async (loop) => {
        const mode = loop.mode.peek();
        if (mode === "off" && loop.presence.peek()) return;
        loop.busy = true;
        try {
          this.#settle(loop, await rpc.request("switch_loop_state", { loop: loop.id, state: stateOf(mode) }));
        } catch (error) {
          if (error instanceof RpcLost) throw error;
          loop.mode.value = "off";
          if (mode !== "off") this.news.refused("switch", loop, error);
        } finally {
          loop.busy = false;
        }
      }),
    );
    this.#rpc = rpc;
    this.#tell();
  }

  /** The connection is gone; what the server would tell is no longer known. */
  suspend(): void {
    this.#rpc = undefined;
    this.#told.clear();
    batch(() => this.loops.peek().forEach((loop) => loop.hush()));
  }

  /** The person does something else on a loop. Without a connection nothing happens. */
  async turn(loop: Loop, mode: Mode): Promise<void> {
    if (!this.#rpc || (mode === "talk" && !loop.mayTalk)) return;
    loop.pressedAt = performance.now();
    const others = mode === "talk" && this.alone() ? this.talkLoops.peek().filter((other) => other !== loop) : [];
    await Promise.all([...others.map((other) => this.turn(other, "monitor")), this.#switch(loop, mode)]);
  }

  /** Switches a loop, one request at a time; what is wished meanwhile comes next. */
  async #switch(loop: Loop, wish: Mode): Promise<void> {
    loop.wish.value = wish;
    if (loop.busy) return;
    loop.busy = true;
    try {
      for (let rpc = this.#rpc; rpc && rpc === this.#rpc && loop.wish.peek() !== undefined; ) {
        const mode = loop.wish.peek() as Mode;
        // Others should not see somebody talk on a loop that they have left.
        if (mode !== "talk") this.#tellOn(loop, false);
        if (mode !== loop.mode.peek()) {
          this.#settle(loop, await rpc.request("switch_loop_state", { loop: loop.id, state: stateOf(mode) }));
        }
        if (loop.wish.peek() === mode) loop.wish.value = undefined;
      }
    } catch (error) {
      if (!(error instanceof RpcLost)) this.news.refused("switch", loop, error);
    } finally {
      loop.busy = false;
      loop.wish.value = undefined;
      this.#tell();
    }
  }

  /** Makes a loop as loud as the person wants it. */
  async setVolume(loop: Loop, volume: number): Promise<void> {
    if (!this.#rpc) return;
    const before = loop.volume.peek();
    loop.volume.value = volume;
    try {
      const response = await this.#rpc.request("switch_loop_volume", { loop: loop.id, volume });
      // The answer may be late; a newer wish counts.
      if (loop.volume.peek() === volume) loop.volume.value = readVolume(response["volume"] ?? volume);
    } catch (error) {
      if (error instanceof RpcLost) return;
      if (loop.volume.peek() === volume) loop.volume.value = before;
      this.news.refused("volume", loop, error);
    }
  }

  /** Opens or closes the person's microphone toward all loops on which they talk. */
  air(open: boolean): void {
    this.#open = open;
    this.#tell();
  }

  /** Takes what the server tells unasked. */
  apply(news: LoopNews): void {
    const loop = this.loops.peek().find((l) => l.id === news.loop);
    if (!loop) return;
    batch(() => this.#apply(loop, news));
  }

  #apply(loop: Loop, news: LoopNews): void {
    switch (news.kind) {
      case "switched":
        loop.meet(news.presence);
        if (news.mode === "off") {
          loop.talk(news.by, false);
          loop.hear(news.by.client, false);
        }
        if (news.ofUser && this.#isTwin(news)) this.#follow(loop, news.mode);
        // What the person did themself is known by its answer; anything else the server did to them.
        if (!news.ofUser && news.by.client === this.self.client && !loop.busy && news.mode !== loop.mode.peek()) this.#obey(loop, news.mode);
        return;
      case "volume":
        if (this.#isTwin(news)) loop.volume.value = news.volume;
        return;
      case "talking":
        if (loop.talk(news.by, news.on) && news.on && news.by.client !== this.self.client && loop.mode.peek() !== "off") this.news.talks(news.by, loop);
        return;
      case "activity":
        loop.hear(news.client, news.on);
    }
  }

  /** Whether somebody else talks on a loop, or is heard there. */
  busy(loop: Loop): boolean {
    const other = (client: string): boolean => client !== this.self.client;
    return loop.talkers.value.some((p) => other(p.client)) || [...loop.voices.value].some(other);
  }

  /** Whether news come from another window of the same person in the same role: both are one desk and stay in step. */
  #isTwin(news: { by: Person; role: string }): boolean {
    return news.by.user === this.self.user && news.role === this.role.id && news.by.client !== this.self.client;
  }

  /** A window that follows tells so, too; what it tells of a moment ago must not undo what the person does here now. */
  #follow(loop: Loop, mode: Mode): void {
    if (this.#rpc && performance.now() - loop.pressedAt > echoMs && mode !== loop.intent) void this.#switch(loop, mode);
  }

  /** A right was taken away, or the loop was closed. */
  #obey(loop: Loop, mode: Mode): void {
    loop.mode.value = mode;
    this.#tell();
    this.news.moved(loop, mode);
  }

  #settle(loop: Loop, response: Parameters<typeof readSwitched>[0]): void {
    const { mode, presence } = readSwitched(response);
    batch(() => {
      loop.mode.value = asText(response["state"]) === undefined ? loop.mode.peek() : mode;
      loop.meet(presence);
    });
  }

  /** Brings what the others were told in line with what is true. */
  #tell(): void {
    for (const loop of this.loops.peek()) this.#tellOn(loop, this.#open && loop.mode.peek() === "talk");
  }

  #tellOn(loop: Loop, talking: boolean): void {
    const rpc = this.#rpc;
    if (!rpc || talking === this.#told.has(loop.id)) return;
    if (talking) this.#told.add(loop.id);
    else this.#told.delete(loop.id);
    rpc.request("talking", { loop: loop.id, state: talking }).catch((error: unknown) => {
      if (rpc !== this.#rpc || error instanceof RpcLost) return;
      this.#told.delete(loop.id);
      this.news.refused("talking", loop, error);
    });
  }
}
