// The desk on the loops, with a server that is played by the test.

import assert from "node:assert/strict";
import { afterEach, beforeEach, describe, mock, test } from "node:test";
import type { Loop } from "../src/loops/loop.ts";
import { Desk } from "../src/loops/desk.ts";
import { Ticket } from "../src/loops/ticket.ts";
import { refusalWords } from "../src/loops/words.ts";
import type { JsonObject } from "../src/shared/json.ts";
import { settle } from "./fakes.ts";
import { FakeStorage, FakeVoice, LoopSocket, Refuse, type Asked } from "./loopfakes.ts";

const bo = { client: "bo-1", user: "bo", name: "Bo" };

/** A server with two roles and three loops, and one page that uses it. */
class Stage {
  readonly sockets: LoopSocket[] = [];
  readonly voices: FakeVoice[] = [];
  readonly news: string[] = [];
  readonly desk: Desk;
  staying: Promise<void> = Promise.resolve();
  /** What the server knows. */
  session = "";
  logins = 0;
  roles: JsonObject = { flight: { id: "flight", name: "Flight", project: "orbiter" }, capcom: { id: "capcom", name: "Capcom", project: "orbiter" } };
  states: Record<string, string> = { fd: "recv", air: "none", gnd: "none" };
  ready = true;
  refuse: Record<string, Refuse> = {};

  constructor(readonly storage = new FakeStorage()) {
    this.desk = new Desk(
      new Ticket(() => storage, undefined),
      {
        socket: () => {
          const socket = new LoopSocket((asked, from) => this.answer(asked, from));
          this.sockets.push(socket);
          return socket;
        },
        voice: (_iceServers, onCandidate) => {
          const voice = new FakeVoice(onCandidate);
          this.voices.push(voice);
          return voice;
        },
      },
      {
        talks: (who, loop) => this.news.push(`${who.name} talks on ${loop.name}`),
        moved: (loop, mode) => this.news.push(`${loop.name} is ${mode}`),
        refused: (what, loop, error) => this.news.push(`${what} ${loop.name}: ${String(error)}`),
        noSound: (error) => this.news.push(`no sound: ${String(error)}`),
        reload: () => this.news.push("reload"),
      },
    );
  }

  answer({ event, client, parameter }: Asked, socket: LoopSocket): JsonObject | undefined {
    const refusal = this.refuse[event];
    if (refusal) throw refusal;
    switch (event) {
      case "login":
        if (parameter["password"] !== "right" && (this.session === "" || parameter["password"] !== this.session)) throw new Refuse(5000, "no");
        this.session = `session-${++this.logins}`;
        return { id: "ada", session: this.session };
      case "get":
        return { type: "user", result: { id: "ada", name: "Ada L.", domain: { domain: "vox", project: "orbiter" } } };
      case "user_roles":
        return { roles: { ...this.roles, admin: { id: "admin" } } };
      case "authorize":
        if (!(String(parameter["role"]) in this.roles)) throw new Refuse(5000, "not yours");
        return { id: parameter["role"] };
      case "media":
        if (parameter["type"] === "request") return { type: "offer", sdp: "their offer" };
        if (this.ready) queueMicrotask(() => socket.push("media_ready", "unicast", {}));
        return {};
      case "role_loops":
        return {
          loops: {
            fd: this.loop("fd", "FD LOOP", "send", 1, 1),
            air: this.loop("air", "AIR", "send", 1, 2),
            gnd: this.loop("gnd", "GROUND", "recv", 2, 1),
          },
        };
      case "get_keyset_layout":
        return { layout: { grid_columns: 3, grid_rows: 2 } };
      case "switch_loop_state":
        this.states[String(parameter["loop"])] = String(parameter["state"]);
        return { loop: parameter["loop"], state: parameter["state"], participants: parameter["state"] === "none" ? [bo] : [bo, { client, user: "ada", name: "Ada L." }] };
      case "switch_loop_volume":
        return { loop: parameter["loop"], volume: parameter["volume"] };
      default:
        return {};
    }
  }

  loop(id: string, name: string, permission: string, page: number, column: number): JsonObject {
    return { id, name, permission, state: this.states[id] ?? "none", volume: 50, layout_position: [{ page, column, row: 1 }] };
  }

  get socket(): LoopSocket {
    return this.sockets.at(-1) as LoopSocket;
  }

  get voice(): FakeVoice {
    return this.voices.at(-1) as FakeVoice;
  }

  async signIn(role: string | null = "flight", password = "right"): Promise<this> {
    this.staying = this.desk.signIn("ada", password);
    this.socket.open();
    await settle();
    if (role !== null) this.desk.choose(role);
    await settle();
    return this;
  }

  async resume(): Promise<this> {
    this.staying = this.desk.resume();
    await settle();
    this.socket?.open();
    await settle();
    return this;
  }

  /** Lets the pause before the next attempt pass, and opens the socket of that attempt. */
  async retry(): Promise<void> {
    const before = this.sockets.length;
    for (let i = 0; i < 400 && this.sockets.length === before; i++) {
      mock.timers.tick(50);
      await settle();
    }
    this.socket.open();
    await settle();
  }

  at(id: string): Loop {
    return this.desk.board.value?.loops.value.find((l) => l.id === id) as Loop;
  }

  modes(): Record<string, string> {
    return Object.fromEntries(this.desk.board.value?.loops.value.map((l) => [l.id, l.mode.value]) ?? []);
  }

  async turn(id: string, mode: "off" | "monitor" | "talk"): Promise<void> {
    await this.desk.board.value?.turn(this.at(id), mode);
    await settle();
  }
}

beforeEach(() => mock.timers.enable());
afterEach(() => mock.timers.reset());

describe("signing in", () => {
  test("asks for a role, then does all that lets the person hear, in the order that servers expect", async () => {
    const stage = await new Stage().signIn(null);
    assert.equal(stage.desk.state.value, "choosing");
    assert.deepEqual(stage.desk.roles.value.map((r) => r.name), ["Capcom", "Flight"]);
    stage.desk.choose("flight");
    await settle();
    assert.equal(stage.desk.state.value, "on");
    assert.deepEqual(
      stage.socket.asked.map((a) => a.event),
      ["login", "get", "user_roles", "authorize", "role_loops", "get_keyset_layout", "media", "media", "candidate", "switch_loop_state", "switch_loop_state", "switch_loop_state"],
    );
    assert.deepEqual(stage.socket.of("get_keyset_layout"), [{ domain: "vox", layout: "orbiter" }]);
    assert.deepEqual(stage.socket.of("switch_loop_state").map((p) => p["state"]), ["recv", "none", "none"]);
    assert.deepEqual(stage.socket.of("media"), [{ type: "request" }, { type: "answer", sdp: "our answer" }]);
    assert.equal(stage.socket.of("candidate")[0]?.["ufrag"], "Ab+1");
    assert.equal(stage.voice.offered, "their offer");
    assert.deepEqual(stage.modes(), { fd: "monitor", air: "off", gnd: "off" });
    assert.deepEqual(stage.at("fd").presence.value?.people.map((p) => p.name), ["Bo", "Ada L."]);
    await stage.desk.signOut();
  });

  test("asks nothing of loops that are off where the server tells beforehand who is there", async () => {
    const stage = new Stage();
    const loop = stage.loop.bind(stage);
    stage.loop = (...of) => ({ ...loop(...of), participants: 3, present: [{ ...bo, talking: true }, {}, {}] });
    await stage.signIn();
    assert.deepEqual(stage.socket.of("switch_loop_state"), [{ loop: "fd", state: "recv" }]);
    assert.deepEqual(stage.at("air").presence.value?.count, 3);
    assert.deepEqual(stage.at("air").talkers.value.map((p) => p.name), ["Bo"]);
    await stage.desk.signOut();
  });

  test("takes the only role without asking", async () => {
    const stage = new Stage();
    delete stage.roles["capcom"];
    await stage.signIn(null);
    assert.equal(stage.desk.state.value, "on");
    await stage.desk.signOut();
  });

  test("says what is wrong, keeps nothing, and lets the person try again", async () => {
    const stage = await new Stage().signIn(null, "wrong");
    await stage.staying;
    assert.equal(stage.desk.state.value, "out");
    assert.match(refusalWords(stage.desk.refusal.value!), /password is not right/);
    assert.equal(stage.desk.ticket.session, "");
    await stage.signIn();
    assert.equal(stage.desk.state.value, "on");
    assert.equal(stage.desk.refusal.value, undefined);
    await stage.desk.signOut();
  });

  test("gives up at once where there is no server, so that the person can do something about it", async () => {
    const stage = new Stage();
    stage.staying = stage.desk.signIn("ada", "right");
    stage.socket.drop();
    await stage.staying;
    assert.match(refusalWords(stage.desk.refusal.value!), /could not be reached/);
  });

  test("tells a person who may not sign in now that waiting helps", async () => {
    const stage = new Stage();
    stage.refuse["login"] = new Refuse(1000, "too many attempts");
    await stage.signIn(null);
    await stage.staying;
    assert.match(refusalWords(stage.desk.refusal.value!), /too many attempts.*try again/);
  });

  test("never shows the role of administrators, and says nothing of it when there is no other", async () => {
    const stage = new Stage();
    stage.roles = {};
    await stage.signIn(null);
    assert.equal(stage.desk.state.value, "choosing");
    assert.deepEqual(stage.desk.roles.value, []);
    await stage.desk.signOut();
  });

  test("ends with the server told, the connections closed, and nothing kept", async () => {
    const stage = await new Stage().signIn();
    await stage.desk.signOut();
    await stage.staying;
    assert.equal(stage.socket.asked.at(-1)?.event, "logout");
    assert.equal(stage.socket.closed, true);
    assert.equal(stage.voice.closed, true);
    assert.equal(stage.desk.state.value, "out");
    assert.deepEqual([stage.desk.ticket.user, stage.desk.ticket.session, stage.desk.ticket.role], ["", "", ""]);
    await stage.resume();
    assert.equal(stage.sockets.length, 1);
  });
});

describe("coming back", () => {
  test("after a reload it takes the session of before, the same client and role, without a question", async () => {
    const before = await new Stage().signIn("capcom");
    const { client } = before.desk.ticket;
    const after = new Stage(before.storage);
    after.session = before.session;
    await after.resume();
    assert.equal(after.desk.state.value, "on");
    assert.equal(after.desk.board.value?.role.id, "capcom");
    assert.equal(after.socket.asked[0]?.client, client);
    assert.deepEqual(after.socket.of("login"), [{ user: "ada", password: "session-1" }]);
    await Promise.all([before.desk.signOut(), after.desk.signOut()]);
  });

  test("after a lost connection everything is as it was, with the newest session and no click", async () => {
    const stage = await new Stage().signIn();
    await stage.turn("air", "talk");
    stage.desk.air(true);
    await settle();
    stage.socket.drop();
    await settle();
    assert.equal(stage.desk.state.value, "reconnecting");
    assert.equal(stage.voice.closed, true);
    assert.deepEqual(stage.modes(), { fd: "monitor", air: "talk", gnd: "off" }); // the keys stay in sight
    await stage.retry();
    assert.equal(stage.desk.state.value, "on");
    assert.deepEqual(stage.socket.of("login"), [{ user: "ada", password: "session-1" }]);
    assert.deepEqual(stage.modes(), { fd: "monitor", air: "talk", gnd: "off" });
    assert.deepEqual(stage.socket.of("talking"), [{ loop: "air", state: true }]); // still pressed
    assert.equal(stage.voices.length, 2);
    stage.socket.drop();
    await settle();
    await stage.retry();
    assert.deepEqual(stage.socket.of("login"), [{ user: "ada", password: "session-2" }]);
    await stage.desk.signOut();
  });

  test("after sound is lost, too", async () => {
    const stage = await new Stage().signIn();
    stage.voice.die(true);
    await settle();
    assert.equal(stage.desk.state.value, "reconnecting");
    await stage.retry();
    assert.equal(stage.desk.state.value, "on");
    await stage.desk.signOut();
  });

  test("keeps trying while the server is away, and for longer and longer", async () => {
    const stage = await new Stage().signIn();
    stage.socket.drop();
    for (let i = 0; i < 5; i++) {
      await settle();
      const before = stage.sockets.length;
      for (let t = 0; t < 400 && stage.sockets.length === before; t++) {
        mock.timers.tick(50);
        await settle();
      }
      stage.socket.drop();
    }
    await settle();
    assert.equal(stage.desk.state.value, "reconnecting");
    await stage.retry();
    assert.equal(stage.desk.state.value, "on");
    await stage.desk.signOut();
  });

  test("asks for the password when the session is void", async () => {
    const stage = await new Stage().signIn();
    stage.session = "another";
    stage.socket.drop();
    await settle();
    await stage.retry();
    await stage.staying;
    assert.equal(stage.desk.state.value, "out");
    assert.match(refusalWords(stage.desk.refusal.value!), /session has ended/);
    assert.equal(stage.desk.ticket.session, "");
  });

  test("a server that cannot look up sessions just now does not cost the session", async () => {
    const stage = await new Stage().signIn();
    stage.refuse["login"] = new Refuse(1000, "the store is away");
    stage.socket.drop();
    await settle();
    await stage.retry();
    assert.equal(stage.desk.state.value, "reconnecting");
    delete stage.refuse["login"];
    await stage.retry();
    assert.equal(stage.desk.state.value, "on");
    await stage.desk.signOut();
  });

  test("a role that was taken away is asked for anew", async () => {
    const stage = await new Stage().signIn();
    stage.roles = { capcom: stage.roles["capcom"], data: { id: "data", name: "Data" } };
    stage.socket.drop();
    await settle();
    await stage.retry();
    assert.equal(stage.desk.state.value, "choosing");
    await stage.desk.signOut();
  });

  test("says so when sound does not come through, and tries again", async () => {
    const stage = new Stage();
    stage.ready = false;
    await stage.signIn();
    assert.equal(stage.desk.state.value, "entering");
    mock.timers.tick(20_000);
    await settle();
    assert.match(stage.news.join(), /no sound/);
    stage.ready = true;
    await stage.retry();
    assert.equal(stage.desk.state.value, "on");
    await stage.desk.signOut();
  });

  test("renews the session while the page stays open", async () => {
    const stage = await new Stage().signIn();
    for (let minutes = 0; minutes < 16; minutes++) {
      mock.timers.tick(60_000);
      await settle();
    }
    assert.deepEqual(stage.socket.of("update_login"), [{ user: "ada", session: "session-1" }]);
    await stage.desk.signOut();
  });
});

describe("changing the role", () => {
  test("begins anew with the other role, at once and with the same person", async () => {
    const stage = await new Stage().signIn("flight");
    const first = stage.socket;
    stage.desk.choose("capcom");
    await settle();
    assert.equal(first.closed, true);
    stage.socket.open();
    await settle();
    assert.equal(stage.sockets.length, 2);
    assert.equal(stage.desk.state.value, "on");
    assert.equal(stage.desk.board.value?.role.id, "capcom");
    assert.deepEqual(stage.socket.of("authorize"), [{ role: "capcom" }]);
    await stage.desk.signOut();
  });
});

describe("on the loops", () => {
  test("a key does what it says, and talking is told exactly while it is true", async () => {
    const stage = await new Stage().signIn();
    await stage.turn("fd", "talk");
    await stage.turn("air", "talk");
    assert.deepEqual(stage.socket.of("talking"), []);
    stage.desk.air(true);
    await settle();
    assert.deepEqual(stage.socket.of("talking"), [
      { loop: "fd", state: true },
      { loop: "air", state: true },
    ]);
    await stage.turn("air", "monitor"); // while talking: first the silence, then the switch
    const events = stage.socket.asked.slice(-2).map((a) => [a.event, a.parameter["state"]]);
    assert.deepEqual(events, [
      ["talking", false],
      ["switch_loop_state", "recv"],
    ]);
    await stage.turn("air", "talk"); // and the other way round
    assert.deepEqual(stage.socket.asked.at(-1)?.parameter, { loop: "air", state: true });
    stage.desk.air(false);
    await settle();
    assert.deepEqual(stage.socket.of("talking").slice(-2), [
      { loop: "fd", state: false },
      { loop: "air", state: false },
    ]);
    await stage.desk.signOut();
  });

  test("talking on one loop at a time takes the other back to listening", async () => {
    const stage = await new Stage().signIn();
    stage.desk.alone = () => true;
    await stage.turn("fd", "talk");
    await stage.turn("air", "talk");
    assert.deepEqual(stage.modes(), { fd: "monitor", air: "talk", gnd: "off" });
    await stage.desk.signOut();
  });

  test("nobody talks where the role may only listen, and a refusal leaves the key as it was", async () => {
    const stage = await new Stage().signIn();
    await stage.turn("gnd", "talk");
    assert.equal(stage.at("gnd").mode.value, "off");
    stage.refuse["switch_loop_state"] = new Refuse(5004, "permission error");
    await stage.turn("air", "monitor");
    assert.equal(stage.at("air").mode.value, "off");
    assert.match(stage.news.join(), /switch AIR/);
    await stage.desk.signOut();
  });

  test("shows who is there and who talks, and tells it once", async () => {
    const stage = await new Stage().signIn();
    const cy = { client: "cy-1", user: "cy", name: "Cy" };
    stage.socket.push("switch_loop_state", "loop_broadcast", { loop: "fd", state: "recv", role: "eva", ...cy, participants: [bo, cy] });
    assert.deepEqual(stage.at("fd").presence.value?.people.map((p) => p.name), ["Bo", "Cy"]);
    stage.socket.push("talking", "loop_broadcast", { loop: "fd", state: true, role: "eva", ...cy });
    stage.socket.push("talking", "loop_broadcast", { loop: "fd", state: true, role: "eva", ...cy });
    stage.socket.push("vad", "loop_broadcast", { loop: "fd", on: true });
    assert.deepEqual(stage.at("fd").talkers.value.map((p) => p.name), ["Cy"]);
    assert.equal(stage.desk.board.value?.busy(stage.at("fd")), true);
    stage.socket.push("vad", "loop_broadcast", { loop: "air", on: true, client: stage.desk.ticket.client, speaks: true });
    assert.equal(stage.desk.board.value?.busy(stage.at("air")), false); // one's own voice is nobody else's
    assert.deepEqual(stage.news, ["Cy talks on FD LOOP"]);
    stage.socket.push("vad", "loop_broadcast", { loop: "gnd", on: true, client: "cy-1", speaks: true });
    assert.equal(stage.desk.board.value?.busy(stage.at("gnd")), true);
    stage.socket.push("vad", "loop_broadcast", { loop: "gnd", on: true, client: "cy-1", speaks: false });
    assert.equal(stage.desk.board.value?.busy(stage.at("gnd")), false);
    // Whoever leaves does not talk any more, even if their last word was lost.
    stage.socket.push("switch_loop_state", "loop_broadcast", { loop: "fd", state: "none", role: "eva", ...cy, participants: [bo] });
    assert.deepEqual(stage.at("fd").talkers.value, []);
    // Nobody is told about loops that they do not hear.
    stage.socket.push("talking", "loop_broadcast", { loop: "air", state: true, role: "eva", ...cy });
    assert.equal(stage.news.length, 1);
    assert.deepEqual(stage.at("air").talkers.value.map((p) => p.name), ["Cy"]);
    await stage.desk.signOut();
  });

  test("a second window of the same person and role is followed, other roles and people are not", async () => {
    const stage = await new Stage().signIn("flight");
    const twin = { user: "ada", role: "flight", client: "other-window" };
    const push = (who: JsonObject): void => stage.socket.push("switch_loop_state", "user_broadcast", { loop: "air", state: "recv", participants: [bo], ...who });
    push({ ...twin, role: "capcom" });
    push({ ...twin, client: stage.desk.ticket.client });
    await settle();
    assert.equal(stage.at("air").mode.value, "off");
    push(twin);
    await settle();
    assert.equal(stage.at("air").mode.value, "monitor");
    // Its echoes do not undo what the person does here in the same moment.
    await stage.turn("air", "off");
    push(twin);
    await settle();
    assert.equal(stage.at("air").mode.value, "off");
    stage.socket.push("switch_loop_volume", "user_broadcast", { loop: "air", volume: 30, ...twin });
    assert.equal(stage.at("air").volume.value, 30);
    await stage.desk.signOut();
  });

  test("presses that are quicker than the server end where the last one wants", async () => {
    const stage = await new Stage().signIn();
    const { board } = stage.desk;
    void board.value?.turn(stage.at("air"), "talk");
    void board.value?.turn(stage.at("air"), "monitor");
    void board.value?.turn(stage.at("air"), "off");
    assert.equal(stage.at("air").intent, "off");
    await settle();
    assert.deepEqual(stage.socket.of("switch_loop_state").slice(-2).map((p) => [p["loop"], p["state"]]), [
      ["air", "send"],
      ["air", "none"],
    ]);
    assert.equal(stage.at("air").mode.value, "off");
    await stage.desk.signOut();
  });

  test("a volume that the server does not take goes back", async () => {
    const stage = await new Stage().signIn();
    await stage.desk.board.value?.setVolume(stage.at("fd"), 80);
    assert.equal(stage.at("fd").volume.value, 80);
    stage.refuse["switch_loop_volume"] = new Refuse(1000, "no");
    await stage.desk.board.value?.setVolume(stage.at("fd"), 10);
    assert.equal(stage.at("fd").volume.value, 80);
    assert.match(stage.news.join(), /volume FD LOOP/);
    await stage.desk.signOut();
  });

  test("what the server does by itself is shown and told: a right taken away, a loop closed", async () => {
    const stage = await new Stage().signIn();
    await stage.turn("fd", "talk");
    stage.desk.air(true);
    const me = { client: stage.desk.ticket.client, user: "ada", role: "flight" };
    stage.socket.push("switch_loop_state", "loop_broadcast", { loop: "fd", state: "recv", participants: [bo, me], ...me });
    assert.equal(stage.at("fd").mode.value, "monitor");
    assert.deepEqual(stage.socket.of("talking").at(-1), { loop: "fd", state: false });
    stage.socket.push("switch_loop_state", "loop_broadcast", { loop: "fd", state: "none", participants: [], ...me });
    assert.equal(stage.at("fd").mode.value, "off");
    assert.deepEqual(stage.news, ["FD LOOP is monitor", "FD LOOP is off"]);
    // On the way from off to talking everybody, this page too, is told first that it listens.
    const answer = stage.answer.bind(stage);
    stage.answer = (asked, socket) => {
      if (asked.event === "switch_loop_state") socket.push("switch_loop_state", "loop_broadcast", { loop: "air", state: "recv", participants: [me], ...me });
      return answer(asked, socket);
    };
    await stage.turn("air", "talk");
    assert.equal(stage.at("air").mode.value, "talk");
    assert.equal(stage.news.length, 2);
    // So it is when the loop is taken up again.
    stage.socket.drop();
    await settle();
    await stage.retry();
    assert.equal(stage.at("air").mode.value, "talk");
    assert.equal(stage.news.length, 2);
    await stage.desk.signOut();
  });

  test("without a connection keys do nothing, and nobody seems to talk", async () => {
    const stage = await new Stage().signIn();
    stage.socket.push("talking", "loop_broadcast", { loop: "fd", state: true, ...bo });
    stage.socket.drop();
    await settle();
    assert.deepEqual(stage.at("fd").talkers.value, []);
    await stage.turn("air", "talk");
    assert.equal(stage.at("air").mode.value, "off");
    await stage.desk.signOut();
  });

  test("the server's own candidates reach the connection, also those that come before it", async () => {
    const stage = new Stage();
    const answer = stage.answer.bind(stage);
    stage.answer = (asked, socket) => {
      if (asked.event === "media" && asked.parameter["type"] === "request") socket.push("candidate", "unicast", { candidate: "candidate:early", sdpMid: 0, sdpMLineIndex: 0 });
      return answer(asked, socket);
    };
    await stage.signIn();
    stage.socket.push("candidate", "unicast", { candidate: "candidate:late", ufrag: "x", sdpMid: 0, sdpMLineIndex: 0 });
    assert.deepEqual(stage.voice.candidates.map((c) => [c.candidate, c.sdpMid]), [
      ["candidate:early", "0"],
      ["candidate:late", "0"],
    ]);
    await stage.desk.signOut();
  });

  test("an administrator can ask all pages to load anew", async () => {
    const stage = await new Stage().signIn();
    stage.socket.push("broadcast", "system_broadcast", { type: "server_switch", server: "https://x/" });
    stage.socket.push("broadcast", "system_broadcast", { type: "page_update" });
    assert.deepEqual(stage.news, ["reload"]);
    await stage.desk.signOut();
  });
});
