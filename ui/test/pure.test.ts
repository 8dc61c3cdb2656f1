// The parts of the page that only compute: what a user relies on in each.

import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { invitation, readAddress, socketAddress } from "../src/rooms/address.ts";
import { backoff } from "../src/shared/backoff.ts";
import { planGrid } from "../src/rooms/layout.ts";
import { sendLimit, shrink } from "../src/rooms/limits.ts";
import { pieces } from "../src/rooms/links.ts";
import { readSample } from "../src/shared/peer.ts";
import { judge, loudness, videoFlowed, type Counters, type Sample } from "../src/shared/quality.ts";
import { RpcError, RpcLost } from "../src/shared/rpc.ts";
import { actionOf } from "../src/rooms/shortcuts.ts";
import { meterShare, Talk } from "../src/shared/speaking.ts";
import { deviceWords } from "../src/shared/deviceWords.ts";
import { entryWords, farewellWords } from "../src/rooms/words.ts";

describe("backoff", () => {
  test("doubles up to a ceiling and keeps at least half", () => {
    const longest = [0, 1, 2, 3, 10, 1000].map((n) => backoff(n, () => 1));
    assert.deepEqual(longest, [400, 800, 1600, 3200, 15_000, 15_000]);
    assert.equal(backoff(3, () => 0), 1600);
  });
});

describe("address", () => {
  test("finds the room in the fragment before the query", () => {
    for (const [href, room] of [
      ["http://h/rooms/", ""],
      ["http://h/rooms/#/kiosk", "kiosk"],
      ["http://h/rooms/#/a%20b%2Fc", "a b/c"],
      ["http://h/rooms/#/rooms/kiosk", "kiosk"],
      ["http://h/rooms/?room=+lab+", "lab"],
      ["http://h/rooms/?room=lab#/kiosk", "kiosk"],
      ["http://h/rooms/#/100%", "100%"],
    ] as const) {
      assert.equal(readAddress(href).room, room, href);
    }
  });

  test("takes a size for the camera only if it is one", () => {
    assert.deepEqual(readAddress("http://h/?video=320x180").video, { width: 320, height: 180 });
    assert.deepEqual(readAddress("http://h/?video=640x360x15").video, { width: 640, height: 360, frameRate: 15 });
    for (const text of ["", "x", "320", "320x", "320x180x", "9x9", "99999x180"]) {
      assert.deepEqual(readAddress(`http://h/?video=${text}`).video, {}, text);
    }
  });

  test("gives away a link without the token", () => {
    assert.equal(invitation("https://h:8443/rooms/?token=secret&video=320x180#/x", "a b"), "https://h:8443/rooms/#/a%20b");
  });

  test("hands the token to the server and stays on the page's own host and safety", () => {
    assert.equal(socketAddress("http://h:8080/rooms/?room=x#/y", ""), "ws://h:8080/room");
    assert.equal(socketAddress("https://h/rooms/", "t&1"), "wss://h/room?token=t%261");
  });
});

test("a connection that sends and receives sound is judged by what it receives", () => {
  const received = { type: "inbound-rtp", kind: "audio", packetsReceived: 90, packetsLost: 10, jitter: 0.02 };
  const sent = { type: "outbound-rtp", kind: "audio", packetsSent: 500 };
  const reported = { type: "remote-inbound-rtp", kind: "audio", localId: "sent", packetsLost: 1, jitter: 0.5, roundTripTime: 0.03 };
  for (const order of [
    { received, sent, reported },
    { reported, sent, received },
  ]) {
    const { audio, rttMs } = readSample(new Map(Object.entries(order)));
    assert.deepEqual([audio?.packets, audio?.lost, audio?.jitterMs, rttMs], [90, 10, 20, 30]);
  }
  assert.equal(readSample(new Map(Object.entries({ sent, reported }))).audio?.packets, 499);
});

describe("links in chat", () => {
  test("are found, and lose neither text nor punctuation", () => {
    for (const [text, links] of [
      ["no address here", []],
      ["see https://example.org/a?b=c#d.", ["https://example.org/a?b=c#d"]],
      ["(https://example.org/x_(y))", ["https://example.org/x_(y)"]],
      ["HTTP://EXAMPLE.org, http://b.example!", ["http://example.org/", "http://b.example/"]],
      ["javascript:alert(1) data:text/html,x ftp://example.org", []],
      ["https://", []],
      ['<a href="https://example.org">', ["https://example.org/"]],
    ] as const) {
      const found = pieces(text);
      assert.equal(found.map((p) => p.text).join(""), text);
      assert.deepEqual(found.flatMap((p) => (p.href === undefined ? [] : [p.href])), links, text);
    }
  });
});

describe("grid", () => {
  test("never lets tiles leave the space unless it scrolls", () => {
    for (const space of [{ width: 1248, height: 650 }, { width: 344, height: 620 }, { width: 640, height: 300 }, { width: 2400, height: 1200 }]) {
      for (let count = 1; count <= 60; count++) {
        const { columns, tile, scrolls } = planGrid(count, space, 8);
        const rows = Math.ceil(count / columns);
        assert.ok(columns * tile.width + (columns - 1) * 8 <= space.width, `width of ${count} in ${space.width}`);
        if (!scrolls) assert.ok(rows * tile.height + (rows - 1) * 8 <= space.height, `height of ${count} in ${space.height}`);
        assert.ok(tile.width >= 100, "a face can be made out");
      }
    }
  });

  test("places people as one would by hand", () => {
    const columns = (count: number, width: number, height: number) => planGrid(count, { width, height }, 8).columns;
    assert.equal(columns(1, 1248, 650), 1);
    assert.equal(columns(2, 1248, 650), 2);
    assert.equal(columns(4, 1248, 650), 2);
    assert.equal(columns(12, 1248, 650), 4);
    assert.equal(columns(2, 344, 620), 1);
    assert.equal(columns(4, 344, 620), 2);
  });

  test("survives a space of nothing", () => {
    const { tile } = planGrid(3, { width: 0, height: 0 }, 8);
    assert.ok(tile.width >= 0 && tile.height >= 0);
  });
});

function sample(at: number, audio: Partial<Counters>, video?: Partial<Counters>, rttMs?: number): Sample {
  const none = { packets: 0, lost: 0, jitterMs: 0 };
  return { at, audio: { ...none, ...audio }, ...(video && { video: { ...none, ...video } }), ...(rttMs !== undefined && { rttMs }) };
}

describe("quality", () => {
  test("is judged by the worst of loss, jitter, delay and freezes", () => {
    const before = sample(0, { packets: 100 }, { packets: 100, frozenMs: 0 });
    for (const [now, grade] of [
      [sample(1000, { packets: 150, jitterMs: 5 }, { packets: 200, jitterMs: 10 }, 40), "good"],
      [sample(1000, { packets: 150 }, { packets: 196, lost: 8 }), "fair"],
      [sample(1000, { packets: 150 }, { packets: 150, lost: 50 }), "poor"],
      [sample(1000, { packets: 150, jitterMs: 60 }), "fair"],
      [sample(1000, { packets: 150, jitterMs: 150 }), "poor"],
      [sample(1000, { packets: 150 }, { packets: 200 }, 300), "fair"],
      [sample(1000, { packets: 150 }, { packets: 200 }, 900), "poor"],
      [sample(1000, { packets: 150 }, { packets: 200, frozenMs: 100 }), "fair"],
      [sample(1000, { packets: 150 }, { packets: 200, frozenMs: 900 }), "poor"],
      [sample(1000, { packets: 100 }, { packets: 100, jitterMs: 500 }), "unknown"],
    ] as const) {
      assert.equal(judge(before, now).grade, grade, JSON.stringify(now));
    }
  });

  test("is unknown at first, and after a counter that stands still", () => {
    assert.equal(judge(undefined, sample(0, { packets: 9 })).grade, "unknown");
    assert.equal(judge(sample(5, { packets: 9 }), sample(5, { packets: 99 })).grade, "unknown");
  });

  test("is told in words", () => {
    const { details } = judge(sample(0, { packets: 0 }), sample(1000, { packets: 90, lost: 10, jitterMs: 12.4 }, undefined, 35));
    assert.equal(details, "10.0 % lost, jitter 12 ms, round trip 35 ms");
  });

  test("takes back losses that arrive late", () => {
    assert.equal(judge(sample(0, { packets: 50, lost: 20 }), sample(1000, { packets: 120, lost: 0 })).grade, "good");
  });

  test("loudness and video are what came in between", () => {
    const quiet = sample(0, { energy: 1, seconds: 10 }, { packets: 7 });
    assert.equal(loudness(quiet, sample(1000, { energy: 1.25, seconds: 11 })), 0.5);
    assert.equal(loudness(quiet, quiet), undefined);
    assert.equal(videoFlowed(quiet, sample(1000, {}, { packets: 8 })), true);
    assert.equal(videoFlowed(quiet, sample(1000, {}, { packets: 7 })), false);
  });
});

describe("talking", () => {
  test("begins at once, outlives the pause between words, and ends", () => {
    const talk = new Talk();
    const heard = [0, 100, 200, 600, 850, 900].map((at) => talk.hear(at === 100 || at === 200 ? 0.2 : 0.001, at));
    assert.deepEqual(heard, [false, true, true, true, true, false]);
  });

  test("the meter is empty in silence and full at a shout", () => {
    assert.equal(meterShare(0), 0);
    assert.equal(meterShare(1), 1);
    assert.ok(meterShare(0.05) > 0.4 && meterShare(0.05) < 0.7);
  });
});

describe("limits", () => {
  test("shrink with the crowd, but never for a shared screen", () => {
    const rates = [2, 3, 5, 10].map((people) => sendLimit("webcam", people).maxBitrate);
    assert.deepEqual(rates, [...rates].sort((a, b) => b - a));
    assert.deepEqual(sendLimit("screen", 30), sendLimit("screen", 2));
  });

  test("a picture is shrunk to its limit and never enlarged", () => {
    const limit = { maxBitrate: 1, maxHeight: 360 };
    assert.deepEqual([shrink(720, limit), shrink(180, limit), shrink(undefined, limit)], [2, 1, 1]);
  });
});

describe("shortcuts", () => {
  const press = (key: string, more = {}) =>
    actionOf({ key, ctrlKey: false, altKey: false, metaKey: false, repeat: false, target: { tagName: "BODY" }, ...more });

  test("work outside of fields, in either case", () => {
    assert.deepEqual(["m", "V", "s", "c", "?", "x"].map((k) => press(k)), ["microphone", "camera", "screen", "chat", "help", undefined]);
  });

  test("leave typing and the browser's own keys alone", () => {
    assert.equal(press("m", { ctrlKey: true }), undefined);
    assert.equal(press("c", { metaKey: true }), undefined);
    assert.equal(press("m", { repeat: true }), undefined);
    for (const target of [{ tagName: "INPUT", type: "text" }, { tagName: "TEXTAREA" }, { tagName: "SELECT" }, { tagName: "DIV", isContentEditable: true }]) {
      assert.equal(press("m", { target }), undefined, JSON.stringify(target));
    }
    assert.equal(press("m", { target: { tagName: "INPUT", type: "checkbox" } }), "microphone");
  });
});

describe("words", () => {
  test("say what to do about a device", () => {
    for (const [cause, advice] of [
      ["NotAllowedError", /Allow it/],
      ["NotFoundError", /Connect one/],
      ["NotReadableError", /another program/],
      ["insecure", /https/],
      ["ended", /disconnected/],
      ["SomethingNew", /SomethingNew/],
    ] as const) {
      assert.match(deviceWords({ kind: "camera", cause }), advice);
      assert.match(deviceWords({ kind: "microphone", cause }), /microphone/);
    }
  });

  test("say what to do about a room", () => {
    const of = (error: unknown, hasToken = false) => entryWords(error, "mia", "kiosk", hasToken);
    assert.match(of(new RpcError(104, "User 'mia' already exists in room 'kiosk'")), /“mia” is already in “kiosk”. Choose another name/);
    assert.match(of(new RpcError(204, "The room is full")), /full/);
    assert.match(of(new RpcError(101, "You may not enter room 'kiosk'")), /does not let you into “kiosk”/);
    assert.match(of(new RpcError(204, "User cannot create a new room")), /existing room/);
    assert.match(of(new RpcError(-1, "a token is needed")), /invitation link/);
    assert.match(of(new RpcError(999, "Empty user name is not allowed")), /name/);
    assert.match(of(new RpcLost("code 1006")), /could not be reached.*invitation link/);
    assert.match(of(new RpcLost("code 1006"), true), /expired/);
    assert.match(farewellWords({ kind: "evicted" }, "mia", "kiosk", false), /removed/);
    assert.match(farewellWords({ kind: "closed" }, "mia", "kiosk", false), /closed/);
  });
});
