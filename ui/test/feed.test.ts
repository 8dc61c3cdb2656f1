// What a tile is told of the stream that it shows.

import assert from "node:assert/strict";
import { test } from "node:test";
import { signal } from "@preact/signals";
import { Feed } from "../src/rooms/feed.ts";
import type { Line } from "../src/rooms/line.ts";
import type { ReceivingPeer } from "../src/rooms/peer.ts";
import { FakePeer } from "./fakes.ts";

/** A connection with counters of pictures that the test moves on by hand. */
class Counting extends FakePeer {
  frames = 0;
  #at = 0;

  override async sample() {
    this.#at += 1000;
    return { at: this.#at, video: { packets: this.frames, lost: 0, jitterMs: 0, frames: this.frames } };
  }
}

function setUp(stream = "webcam") {
  const peer = signal<ReceivingPeer | undefined>(undefined);
  return { peer, feed: new Feed("bo", stream, { peer, stop: () => undefined } as unknown as Line<ReceivingPeer>) };
}

test("a picture is shown when it is there, not when it has been counted", async () => {
  const { peer, feed } = setUp();
  peer.value = new Counting(() => undefined);
  assert.equal(feed.seen.value, false);
  feed.pictured();
  assert.equal(feed.seen.value, true);
  await feed.measure(); // of the time before the picture
  assert.equal(feed.seen.value, true);
});

test("a picture that the element says nothing of is shown at the first count", async () => {
  const { peer, feed } = setUp();
  const counting = new Counting(() => undefined);
  counting.frames = 10;
  peer.value = counting;
  await feed.measure();
  assert.equal(feed.seen.value, true);
});

test("a new connection begins without a picture", async () => {
  const { peer, feed } = setUp();
  peer.value = new Counting(() => undefined);
  feed.pictured();
  await feed.measure();
  peer.value = new Counting(() => undefined);
  await feed.measure();
  assert.equal(feed.seen.value, false);
  peer.value = undefined;
  await feed.measure();
  assert.equal(feed.seen.value, false);
});

test("the last picture of a camera that was turned off goes, and comes back with it", async () => {
  const { peer, feed } = setUp();
  const counting = new Counting(() => undefined);
  peer.value = counting;
  feed.pictured();
  for (let second = 0; second < 4; second++) await feed.measure();
  assert.equal(feed.seen.value, false);
  counting.frames++;
  await feed.measure();
  assert.equal(feed.seen.value, true);
});

test("a shared screen that does not move stays", async () => {
  const { peer, feed } = setUp("screen");
  peer.value = new Counting(() => undefined);
  feed.pictured();
  for (let second = 0; second < 4; second++) await feed.measure();
  assert.equal(feed.seen.value, true);
});
