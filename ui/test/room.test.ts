// The room, with a server that is played by the test.

import assert from "node:assert/strict";
import { afterEach, beforeEach, describe, mock, test } from "node:test";
import type { Source } from "../src/rooms/peer.ts";
import { Room, type Farewell } from "../src/rooms/room.ts";
import type { JsonObject } from "../src/shared/json.ts";
import { RpcError } from "../src/shared/rpc.ts";
import { FakePeer, FakeSocket, settle, type Sent } from "./fakes.ts";

const source: Source = { audio: {} as MediaStreamTrack, video: null };
const nothing: Source = { audio: null, video: null };

class Stage {
  readonly sockets: FakeSocket[] = [];
  readonly sending: FakePeer[] = [];
  readonly receiving: FakePeer[] = [];
  readonly news: string[] = [];
  readonly room: Room;
  stay!: Promise<Farewell | undefined>;
  /** Who is in the room when the page joins. */
  present: JsonObject[] = [];
  /** Whether the server still knows the session of before. */
  resumes = true;

  constructor() {
    this.room = new Room(
      "kiosk",
      "mia",
      {
        socket: () => {
          const socket = new FakeSocket();
          socket.answer = (request) => this.answer(request);
          this.sockets.push(socket);
          return socket;
        },
        sendingPeer: (_source, _limit, _ice, onCandidate) => put(this.sending, new FakePeer(onCandidate)),
        receivingPeer: (_ice, onCandidate) => put(this.receiving, new FakePeer(onCandidate)),
      },
      {
        arrived: (name) => this.news.push(`+${name}`),
        departed: (name) => this.news.push(`-${name}`),
        said: (user, text) => this.news.push(`${user}: ${text}`),
        mediaError: (text) => this.news.push(`! ${text}`),
        refused: (what, text) => this.news.push(`may not ${what}: ${text}`),
      },
    );
  }

  answer(request: Sent): JsonObject {
    switch (request.method) {
      case "connect":
        if (request.params["sessionId"] !== undefined && !this.resumes) throw [40007, "reconnection error"];
        return { value: "OK" };
      case "joinRoom":
        return { value: this.present, sessionId: "s1" };
      case "publishVideo":
      case "receiveVideoFrom":
        return { sdpAnswer: `answer to ${String(request.params["sender"] ?? request.params["stream"] ?? "webcam")}` };
      default:
        return {};
    }
  }

  get socket(): FakeSocket {
    return this.sockets.at(-1) as FakeSocket;
  }

  async join(): Promise<this> {
    this.stay = this.room.stay();
    this.stay.catch(() => undefined);
    this.socket.open();
    await settle();
    return this;
  }

  /** Lets the pause before the next attempt pass, and opens the socket of that attempt. */
  async retry(open = true): Promise<void> {
    const before = this.sockets.length;
    for (let i = 0; i < 400 && this.sockets.length === before; i++) {
      mock.timers.tick(50);
      await settle();
    }
    if (open) this.socket.open();
    await settle();
  }

  members(): Record<string, string[]> {
    return Object.fromEntries(this.room.members.value.map((m) => [m.name, m.feeds.map((f) => f.stream)]));
  }
}

function put<T>(list: T[], item: T): T {
  list.push(item);
  return item;
}

beforeEach(() => mock.timers.enable());
afterEach(() => mock.timers.reset());

describe("joining", () => {
  test("subscribes to all who publish and to nobody else, without announcing those who were there", async () => {
    const stage = new Stage();
    stage.present = [{ id: "bo", streams: [{ id: "webcam" }, { id: "screen" }] }, { id: "cy" }];
    await stage.join();
    assert.equal(stage.room.state.value, "joined");
    assert.deepEqual(stage.members(), { bo: ["webcam", "screen"], cy: [] });
    assert.deepEqual(stage.socket.sent.filter((s) => s.method === "receiveVideoFrom").map((s) => s.params["sender"]), ["bo_webcam", "bo_screen"]);
    assert.deepEqual(stage.receiving.map((p) => p.answer), ["answer to bo_webcam", "answer to bo_screen"]);
    assert.deepEqual(stage.news, []);
    await stage.room.leave();
  });

  test("asks for a session first, so that the server knows that the page can come back", async () => {
    const stage = await new Stage().join();
    assert.deepEqual(stage.socket.sent.slice(0, 2), [
      { id: 1, method: "connect", params: {} },
      { id: 2, method: "joinRoom", params: { user: "mia", room: "kiosk" } },
    ]);
    await stage.room.leave();
  });

  test("does without a server that knows no sessions", async () => {
    const stage = new Stage();
    const plain = stage.answer.bind(stage);
    stage.answer = (request) => {
      if (request.method === "connect") throw [-32601, "unknown method"];
      return plain(request);
    };
    await stage.join();
    assert.equal(stage.room.state.value, "joined");
    await stage.room.leave();
  });

  test("fails with the server's refusal, once and for all", async () => {
    const stage = new Stage();
    stage.answer = (request) => {
      if (request.method === "joinRoom") throw [104, "taken"];
      return {};
    };
    await stage.join();
    await assert.rejects(stage.stay, (e: unknown) => e instanceof RpcError && e.code === 104);
    assert.equal(stage.room.state.value, "left");
    assert.equal(stage.sockets.length, 1);
  });
});

describe("others", () => {
  test("come, publish, stop and go", async () => {
    const stage = await new Stage().join();
    stage.socket.event("participantJoined", { id: "bo" });
    stage.socket.event("participantPublished", { id: "bo", streams: [{ id: "webcam" }] });
    await settle();
    assert.deepEqual(stage.members(), { bo: ["webcam"] });
    stage.socket.event("participantPublished", { id: "bo", streams: [{ id: "webcam" }, { id: "screen" }] });
    await settle();
    assert.deepEqual(stage.members(), { bo: ["webcam", "screen"] });
    stage.socket.event("participantUnpublished", { name: "bo", streams: [{ id: "webcam" }] });
    await settle();
    assert.deepEqual(stage.members(), { bo: ["webcam"] });
    assert.deepEqual(stage.receiving.map((p) => p.closed), [false, true]);
    stage.socket.event("participantUnpublished", { name: "bo" });
    assert.deepEqual(stage.members(), { bo: [] });
    stage.socket.event("participantLeft", { name: "bo" });
    assert.deepEqual(stage.members(), {});
    assert.deepEqual(stage.news, ["+bo", "-bo"]);
    await stage.room.leave();
  });

  test("are not doubled by news that come twice", async () => {
    const stage = new Stage();
    stage.present = [{ id: "bo", streams: [{ id: "webcam" }] }];
    await stage.join();
    stage.socket.event("participantJoined", { id: "bo" });
    stage.socket.event("participantPublished", { id: "bo", streams: [{ id: "webcam" }] });
    stage.socket.event("participantPublished", { id: "mia", streams: [{ id: "webcam" }] });
    stage.socket.event("participantLeft", { name: "nobody" });
    await settle();
    assert.deepEqual(stage.members(), { bo: ["webcam"] });
    assert.equal(stage.receiving.length, 1);
    assert.deepEqual(stage.news, []);
    await stage.room.leave();
  });

  test("are subscribed to again when the connection to them dies", async () => {
    const stage = new Stage();
    stage.present = [{ id: "bo", streams: [{ id: "webcam" }] }];
    await stage.join();
    stage.receiving[0]?.die(true);
    await settle();
    assert.equal(stage.room.members.value[0]?.feeds[0]?.peer.value, undefined);
    mock.timers.tick(400);
    await settle();
    assert.equal(stage.receiving.length, 2);
    assert.equal(stage.room.members.value[0]?.feeds[0]?.peer.value, stage.receiving[1]);
    await stage.room.leave();
  });

  test("say things, and so does this page", async () => {
    const stage = await new Stage().join();
    stage.socket.event("sendMessage", { room: "kiosk", user: "bo", message: "<b>" });
    stage.socket.event("sendMessage", { room: "kiosk", name: "cy", message: "by the other key" });
    await stage.room.say("hello");
    assert.deepEqual(stage.socket.last("sendMessage").params, { message: "hello", userMessage: "mia", roomMessage: "kiosk" });
    assert.deepEqual(stage.news, ["bo: <b>", "cy: by the other key"]);
    await stage.room.leave();
  });
});

describe("sending", () => {
  test("publishes the camera without naming it, and other streams by name", async () => {
    const stage = await new Stage().join();
    await stage.room.send("webcam", source);
    await stage.room.send("screen", source);
    await settle();
    const published = stage.socket.sent.filter((s) => s.method === "publishVideo").map((s) => s.params);
    assert.deepEqual(published, [
      { sdpOffer: "offer", doLoopback: false },
      { sdpOffer: "offer", doLoopback: false, stream: "screen" },
    ]);
    const candidates = stage.socket.sent.filter((s) => s.method === "onIceCandidate").map((s) => s.params["endpointName"]);
    assert.deepEqual(candidates, ["mia", "mia_screen"]);
    await stage.room.send("screen", nothing);
    assert.deepEqual(stage.socket.last("unpublishVideo").params, { stream: "screen" });
    await stage.room.send("webcam", nothing);
    assert.deepEqual(stage.socket.last("unpublishVideo").params, {});
    await stage.room.leave();
  });

  test("names a candidate only after the offer it belongs to", async () => {
    const stage = await new Stage().join();
    await stage.room.send("webcam", source);
    await settle();
    const methods = stage.socket.methods();
    assert.ok(methods.indexOf("publishVideo") < methods.indexOf("onIceCandidate"));
    await stage.room.leave();
  });

  test("changes tracks without publishing again", async () => {
    const stage = await new Stage().join();
    await stage.room.send("webcam", source);
    await settle();
    const other = { ...source, video: {} as MediaStreamTrack };
    await stage.room.send("webcam", other);
    assert.equal(stage.sending.length, 1);
    assert.equal(stage.sending[0]?.source, other);
    await stage.room.leave();
  });

  test("hands the server's candidates to the connection they are for", async () => {
    const stage = new Stage();
    stage.present = [{ id: "bo", streams: [{ id: "webcam" }, { id: "screen" }] }];
    await stage.join();
    await stage.room.send("webcam", source);
    await settle();
    for (const [endpointName, sdpMLineIndex] of [["mia", 0], ["bo", "1"], ["bo_screen", 0], ["stranger", 0]] as const) {
      stage.socket.event("iceCandidate", { endpointName, candidate: `candidate:${endpointName}`, sdpMid: "0", sdpMLineIndex });
    }
    const got = [...stage.sending, ...stage.receiving].map((p) => p.candidates.map((c) => [c.candidate, c.sdpMLineIndex]));
    assert.deepEqual(got, [[["candidate:mia", 0]], [["candidate:bo", 1]], [["candidate:bo_screen", 0]]]);
    await stage.room.leave();
  });

  test("withdraws a publication before offering it anew when its connection died", async () => {
    const stage = await new Stage().join();
    await stage.room.send("webcam", source);
    await settle();
    stage.sending[0]?.die(true);
    await settle();
    mock.timers.tick(400);
    await settle();
    assert.deepEqual(stage.socket.methods().filter((m) => m.endsWith("Video")), ["publishVideo", "unpublishVideo", "publishVideo"]);
    await stage.room.leave();
  });

  test("is given up where the server does not allow it, and tried again after any other refusal", async () => {
    for (const [code, attempts] of [[101, 1], [303, 3]] as const) {
      const stage = new Stage();
      const plain = stage.answer.bind(stage);
      stage.answer = (request) => {
        if (request.method === "publishVideo") throw [code, "no"];
        return plain(request);
      };
      await stage.join();
      await stage.room.send("webcam", source);
      for (let i = 0; i < 30; i++) {
        await settle();
        mock.timers.tick(50);
      }
      assert.equal(stage.socket.methods().filter((m) => m === "publishVideo").length >= attempts, true);
      assert.equal(stage.sending.length > 1, code === 303);
      assert.deepEqual(stage.news, code === 101 ? ["may not send: no"] : []);
      await stage.room.leave();
    }
  });

  test("sends less the more people come", async () => {
    const stage = await new Stage().join();
    await stage.room.send("webcam", source);
    await settle();
    for (let n = 0; n < 12; n++) stage.socket.event("participantJoined", { id: `p${n}` });
    await settle();
    assert.ok((stage.sending[0]?.limited?.maxBitrate ?? Infinity) < 300_000);
    await stage.room.leave();
  });
});

describe("a lost connection", () => {
  test("is resumed with all media untouched", async () => {
    const stage = new Stage();
    stage.present = [{ id: "bo", streams: [{ id: "webcam" }] }];
    await stage.join();
    await stage.room.send("webcam", source);
    await settle();
    stage.socket.drop();
    await settle();
    assert.equal(stage.room.state.value, "reconnecting");
    await stage.retry();
    assert.equal(stage.room.state.value, "joined");
    assert.deepEqual(stage.socket.sent, [{ id: 1, method: "connect", params: { sessionId: "s1" } }]);
    assert.deepEqual([...stage.sending, ...stage.receiving].map((p) => p.closed), [false, false]);
    await stage.room.leave();
  });

  test("takes up news that were missed, and renews what died meanwhile", async () => {
    const stage = new Stage();
    stage.present = [{ id: "bo", streams: [{ id: "webcam" }] }];
    await stage.join();
    await stage.room.send("webcam", source);
    await settle();
    stage.socket.drop();
    await settle();
    stage.sending[0]?.die(true);
    await stage.retry();
    stage.socket.event("participantLeft", { name: "bo" });
    stage.socket.event("participantJoined", { id: "cy" });
    stage.socket.event("participantPublished", { id: "cy", streams: [{ id: "webcam" }] });
    await settle();
    mock.timers.tick(400);
    await settle();
    assert.deepEqual(stage.members(), { cy: ["webcam"] });
    assert.equal(stage.sending.length, 2);
    assert.ok(stage.socket.methods().includes("publishVideo"));
    await stage.room.leave();
  });

  test("to a server that forgot the session is answered by joining, publishing and subscribing anew", async () => {
    const stage = new Stage();
    stage.present = [{ id: "bo", streams: [{ id: "webcam" }] }, { id: "cy" }];
    await stage.join();
    await stage.room.send("webcam", source);
    await settle();
    stage.resumes = false;
    stage.present = [{ id: "bo", streams: [{ id: "webcam" }] }, { id: "dee" }];
    stage.socket.drop(1001);
    await stage.retry();
    assert.equal(stage.room.state.value, "joined");
    const methods = stage.socket.methods().filter((m) => m !== "onIceCandidate");
    assert.deepEqual(methods.slice(0, 3), ["connect", "connect", "joinRoom"]);
    assert.deepEqual(methods.slice(3).sort(), ["publishVideo", "receiveVideoFrom"]);
    assert.deepEqual(stage.members(), { bo: ["webcam"], dee: [] });
    assert.deepEqual(stage.news, ["-cy", "+dee"]);
    assert.deepEqual([...stage.sending, ...stage.receiving].map((p) => p.closed), [true, false, true, false]);
    await stage.room.leave();
  });

  test("is tried again until the server is back, and until its former self is gone from the room", async () => {
    const stage = await new Stage().join();
    stage.resumes = false;
    const plain = stage.answer.bind(stage);
    let refusals = 2;
    stage.answer = (request) => {
      if (request.method === "joinRoom" && refusals-- > 0) throw [104, "taken"];
      return plain(request);
    };
    stage.socket.drop();
    for (let down = 0; down < 3; down++) {
      await stage.retry(false);
      stage.socket.drop();
      await settle();
    }
    assert.equal(stage.room.state.value, "reconnecting");
    for (let i = 0; i < 3; i++) await stage.retry();
    assert.equal(stage.room.state.value, "joined");
    await stage.room.leave();
  });

  test("ends when somebody else took the name for good", async () => {
    const stage = await new Stage().join();
    stage.answer = () => {
      throw [104, "taken"];
    };
    stage.socket.drop();
    for (let i = 0; i < 8; i++) await stage.retry();
    const farewell = await stage.stay;
    assert.equal(farewell?.kind, "error");
    assert.equal(stage.room.state.value, "left");
  });

  test("does not keep a person who wants to leave", async () => {
    const stage = await new Stage().join();
    stage.socket.drop();
    await settle();
    await stage.room.leave();
    assert.equal(await stage.stay, undefined);
    assert.equal(stage.room.state.value, "left");
  });

  test("is tried at once when the network is back", async () => {
    const stage = await new Stage().join();
    stage.socket.drop();
    await settle();
    stage.room.hurry();
    await settle();
    assert.equal(stage.sockets.length, 2);
    await stage.room.leave();
  });
});

describe("the end", () => {
  test("leaving tells the server and closes everything", async () => {
    const stage = new Stage();
    stage.present = [{ id: "bo", streams: [{ id: "webcam" }] }];
    await stage.join();
    await stage.room.send("webcam", source);
    await settle();
    await stage.room.leave();
    assert.equal(await stage.stay, undefined);
    assert.equal(stage.socket.methods().at(-1), "leaveRoom");
    assert.equal(stage.socket.closedWith, 1000);
    assert.ok([...stage.sending, ...stage.receiving].every((p) => p.closed));
    assert.equal(stage.room.state.value, "left");
  });

  test("a page that goes away still says so", async () => {
    const stage = await new Stage().join();
    stage.room.vanish();
    assert.equal(stage.socket.methods().at(-1), "leaveRoom");
    assert.equal(stage.socket.closedWith, 1000);
  });

  test("an evicted person does not come back by themselves", async () => {
    const stage = await new Stage().join();
    stage.socket.event("participantEvicted", {});
    stage.socket.drop(1000);
    assert.deepEqual(await stage.stay, { kind: "evicted" });
  });

  test("a closed room stays closed, even if the server forgets to hang up", async () => {
    const stage = await new Stage().join();
    stage.socket.event("roomClosed", { room: "kiosk" });
    mock.timers.tick(3000);
    assert.deepEqual(await stage.stay, { kind: "closed" });
  });

  test("a server that closes its rooms because it stops is waited for", async () => {
    for (const code of [1001, 1012]) {
      const stage = await new Stage().join();
      stage.socket.event("roomClosed", { room: "kiosk" });
      stage.socket.drop(code);
      await settle();
      assert.equal(stage.room.state.value, "reconnecting");
      stage.resumes = false;
      await stage.retry();
      assert.equal(stage.room.state.value, "joined");
      await stage.room.leave();
    }
  });
});
