// Reading what the server sends, also when it is not what one expects.

import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { admission, endpointName, roomEvent, senderName } from "../src/rooms/wire.ts";

describe("wire", () => {
  test("reads who is there, with and without streams", () => {
    const result = { value: [{ id: "bo", streams: [{ id: "webcam" }, { id: "webcam" }, {}, 7] }, { id: "cy" }, { id: 9 }, null, "x"], sessionId: "s" };
    assert.deepEqual(admission(result), {
      sessionId: "s",
      members: [{ name: "bo", streams: ["webcam"] }, { name: "cy", streams: [] }],
      iceServers: [],
    });
    assert.deepEqual(admission({}), { sessionId: "", members: [], iceServers: [] });
  });

  test("reads relays where the server offers some", () => {
    const result = { iceServers: [{ urls: "turn:h:1", username: "u", credential: "c" }, { urls: ["stun:h", 3] }, {}, 1] };
    assert.deepEqual(admission(result).iceServers, [{ urls: ["turn:h:1"], username: "u", credential: "c" }, { urls: ["stun:h"] }]);
  });

  test("reads events by either of the keys that servers use", () => {
    assert.deepEqual(roomEvent("participantLeft", { name: "bo" }), { kind: "left", name: "bo" });
    assert.deepEqual(roomEvent("participantJoined", { id: "bo" }), { kind: "joined", name: "bo" });
    assert.deepEqual(roomEvent("participantUnpublished", { name: "bo", id: "bo" }), { kind: "unpublished", name: "bo", remaining: [] });
    assert.deepEqual(roomEvent("iceCandidate", { endpointName: "bo", candidate: "c", sdpMLineIndex: "1" }), {
      kind: "candidate",
      endpoint: "bo",
      candidate: { candidate: "c", sdpMid: "1", sdpMLineIndex: 1 },
    });
  });

  test("drops what it does not know or cannot read", () => {
    for (const [method, params] of [
      ["custonNotification", { MarkerFilterState: 1 }],
      ["participantJoined", {}],
      ["participantLeft", { name: 5 }],
      ["sendMessage", { user: "bo" }],
      ["iceCandidate", { endpointName: "bo" }],
    ] as const) {
      assert.equal(roomEvent(method, params), undefined, method);
    }
  });

  test("names streams as candidates and as subscriptions do", () => {
    assert.deepEqual([endpointName("bo", "webcam"), endpointName("bo", "screen")], ["bo", "bo_screen"]);
    assert.deepEqual([senderName("bo", "webcam"), senderName("bo", "screen")], ["bo_webcam", "bo_screen"]);
  });
});
