// Runs rtc-lib 0.5.7 from npm, unmodified, against the server whose URL is the first argument, and prints a line
// for each check: "ok NAME" or "failed NAME: why". In Node it lacks WebSocket and RTCPeerConnection: the first is the
// one of package ws, the second a stub, since signaling is what is tried here; calls with media are tried in a browser.
"use strict";

global.window = global;
global.WebSocket = require("ws");
global.RTCPeerConnection = class {
  constructor() {
    this.signalingState = "stable";
  }
  addEventListener() {}
  close() {
    this.signalingState = "closed";
  }
};
const chatter = [];
console.log = (...words) => chatter.push(words.join(" ")); // what the library says to itself

// The library rejects promises that nobody has to wait for, when a peer leaves.
process.on("unhandledRejection", (why) => chatter.push("unhandled: " + why));

const assert = require("assert").strict;
const rtc = require("rtc-lib");

const url = process.argv[2];
const out = (line) => process.stdout.write(line + "\n");
const patience = 20000;

// within fails when a promise takes too long.
function within(promise, what) {
  let timer;
  const late = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Error("waited in vain: " + what)), patience);
  });
  return Promise.race([promise, late]).finally(() => clearTimeout(timer));
}

// next is the next event of that name.
function next(emitter, name) {
  return within(new Promise((resolve) => emitter.once(name, (...args) => resolve(args))), name);
}

// record collects what comes.
function record(emitter, name) {
  const all = [];
  emitter.on(name, (...args) => all.push(args));
  return all;
}

async function refused(promise, text) {
  await assert.rejects(within(promise, "refusal: " + text), new RegExp("^Error: " + text + "$"));
}

let clients = [];
async function client(options = {}) {
  const c = new rtc.Calling(new rtc.WebSocketChannel(url), {}, options);
  await within(c.connect(), "connect");
  clients.push(c);
  return c;
}

// settled returns when everything that was caused by one's own requests has arrived.
const settled = (...all) => Promise.all(all.map((c) => within(c.ping(), "ping")));

const checks = {
  async "connects and is told its id"() {
    const c = await client();
    assert.equal(c.state, "connected");
    assert.equal(typeof c.id, "string");
    assert.notEqual(c.id, (await client()).id);
  },
  async "connects with remote ping"() {
    assert.equal((await client({ remotePing: 30000 })).state, "connected");
  },
  async "connects with remote timeout"() {
    assert.equal((await client({ remoteTimeout: 60000 })).state, "connected");
  },
  async "connects with both"() {
    assert.equal((await client({ remotePing: 30000, remoteTimeout: 60000 })).state, "connected");
  },
  async "is pinged when it asked for that"() {
    const c = await client({ remotePing: 1000 });
    const [m] = await next(c.channel, "message");
    assert.deepEqual(m, { type: "ping" });
  },
  async "is closed when it is silent as long as it said"() {
    const c = await client({ remoteTimeout: 1000 });
    if (c.state !== "closed") {
      await next(c, "closed"); // not yet, unless the machine is very busy
    }
    assert.equal(c.state, "closed");
  },
  async "pings, and stays"() {
    const c = await client({ pingInterval: 50, timeout: patience });
    const [m] = await next(c.channel, "message");
    assert.equal(m.type, "answer");
    assert.equal(c.state, "connected");
  },
  async "sets a global status"() {
    const c = await client();
    await within(c.setStatus({ name: "Ada" }), "status");
    await within(c.setStatus({}), "status");
  },
  async "subscribes to an empty namespace"() {
    const n = await (await client()).subscribe("empty");
    assert.deepEqual(n.users, {});
    assert.deepEqual(n.rooms, {});
  },
  async "may not subscribe twice"() {
    const c = await client();
    await c.subscribe("twice");
    await refused(c.subscribe("twice"), "User was already subscribed to that namespace");
  },
  async "sees who is registered already, with status"() {
    const [a, b] = [await client(), await client()];
    await b.setStatus({ name: "Bob" });
    await b.register("people1");
    const n = await a.subscribe("people1");
    assert.deepEqual(n.users[b.id].status, { name: "Bob" });
  },
  async "sees somebody register"() {
    const [a, b] = [await client(), await client()];
    const n = await a.subscribe("people2");
    const registered = next(n, "user_registered");
    await b.register("people2");
    assert.equal((await registered)[0].id, b.id);
  },
  async "sees itself register after it subscribed"() {
    const a = await client();
    const n = await a.subscribe("people3");
    const registered = next(n, "user_registered");
    await a.register("people3");
    assert.equal((await registered)[0].id, a.id);
  },
  async "sees the status of the registered change"() {
    const [a, b] = [await client(), await client()];
    await b.register("people4");
    const n = await a.subscribe("people4");
    const changed = next(n.users[b.id], "status_changed");
    await b.setStatus({ mood: "fine" });
    assert.deepEqual((await changed)[0], { mood: "fine" });
  },
  async "sees somebody unregister"() {
    const [a, b] = [await client(), await client()];
    await b.register("people5");
    const n = await a.subscribe("people5");
    const left = next(n, "user_left");
    await b.unregister("people5");
    assert.equal((await left)[0].id, b.id);
    assert.deepEqual(n.users, {});
  },
  async "sees the registered disconnect"() {
    const [a, b] = [await client(), await client()];
    await b.register("people6");
    const n = await a.subscribe("people6");
    const left = next(n, "user_left");
    b.close();
    assert.equal((await left)[0].id, b.id);
  },
  async "may not register twice"() {
    const c = await client();
    await c.register("people7");
    await refused(c.register("people7"), "User was already registered to that namespace");
  },
  async "sees nothing after unsubscribing"() {
    const [a, b] = [await client(), await client()];
    const n = await a.subscribe("people8");
    await n.unsubscribe();
    const seen = record(a.channel, "message");
    await b.register("people8");
    await settled(a);
    assert.deepEqual(seen.map(([m]) => m.type), ["answer"]);
  },
  async "joins a room by name"() {
    const s = (await client()).room_signaling("named1");
    await within(s.connect(), "join");
    assert.equal(s.id, "named1");
    assert.deepEqual(s.peers, {});
    assert.deepEqual(s.status, {});
  },
  async "joins a room without a name"() {
    const [a, b] = [(await client()).room_signaling(), (await client()).room_signaling()];
    await Promise.all([a.connect(), b.connect()]);
    assert.match(a.id, /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
    assert.notEqual(a.id, b.id);
  },
  async "meets somebody in a room"() {
    const [a, b] = [await client(), await client()];
    const [ra, rb] = [a.room_signaling("meet"), b.room_signaling("meet")];
    await ra.setStatus({ name: "Ada" });
    await ra.connect();
    const joined = next(ra, "peer_joined");
    await rb.connect();
    const [peer] = await joined;
    assert.deepEqual([peer.id, peer.first, peer.pending], [b.id, true, false]);
    assert.deepEqual(rb.peers[a.id].status, { name: "Ada" });
    assert.equal(rb.peers[a.id].first, false);
  },
  async "sees a peer's status change in a room"() {
    const [a, b] = [await client(), await client()];
    const [ra, rb] = [a.room_signaling("statuses"), b.room_signaling("statuses")];
    await ra.connect();
    await rb.connect();
    const changed = next(rb.peers[a.id], "status_changed");
    await ra.setStatus({ hat: "blue" });
    assert.deepEqual((await changed)[0], { hat: "blue" });
    const again = next(rb.peers[a.id], "status_changed");
    await a.setStatus({ coat: "red" });
    assert.deepEqual((await again)[0], { coat: "red", hat: "blue" });
  },
  async "sees a peer leave by itself"() {
    const [a, b] = [await client(), await client()];
    const [ra, rb] = [a.room_signaling("leaving"), b.room_signaling("leaving")];
    await ra.connect();
    await rb.connect();
    const left = next(rb.peers[a.id], "left");
    await ra.close();
    await left;
    assert.deepEqual(rb.peers, {});
  },
  async "sees a peer disconnect"() {
    const [a, b] = [await client(), await client()];
    const [ra, rb] = [a.room_signaling("gone"), b.room_signaling("gone")];
    await ra.connect();
    await rb.connect();
    const left = next(rb, "peer_left");
    a.close();
    assert.equal((await left)[0].id, a.id);
  },
  async "passes messages on as they are"() {
    const [a, b] = [await client(), await client()];
    const [ra, rb] = [a.room_signaling("messages"), b.room_signaling("messages")];
    await ra.connect();
    await rb.connect();
    await settled(a);
    for (const data of [{ sdp: "v=0\r\n", streams: { 0: ["s", "audio"] }, n: null }, [1, "two", { three: "é😀" }], null, {}, []]) {
      const got = next(rb.peers[a.id], "signaling");
      await within(ra.peers[b.id].send("signaling", data), "send");
      assert.deepEqual((await got)[0], data);
    }
  },
  async "keeps the order of messages"() {
    const [a, b] = [await client(), await client()];
    const [ra, rb] = [a.room_signaling("order"), b.room_signaling("order")];
    await ra.connect();
    await rb.connect();
    await settled(a);
    const got = record(rb.peers[a.id], "message");
    await Promise.all(Array.from({ length: 200 }, (_, n) => ra.peers[b.id].send("message", { n })));
    await settled(b);
    assert.deepEqual(got.map(([d]) => d.n), Array.from({ length: 200 }, (_, n) => n));
  },
  async "may not send scalars"() {
    const [a, b] = [await client(), await client()];
    const [ra, rb] = [a.room_signaling("scalars"), b.room_signaling("scalars")];
    await ra.connect();
    await rb.connect();
    await refused(rb.peers[a.id].send("message", "text"), "Type mismatch in message");
    await refused(rb.peers[a.id].send("message", undefined), "Missing element in message");
  },
  async "sets a room's status"() {
    const [a, b] = [await client(), await client()];
    const [ra, rb] = [a.room_signaling("rs1"), b.room_signaling("rs1")];
    await ra.connect();
    await rb.connect();
    const changed = next(rb, "status_changed");
    await ra.setRoomStatus("topic", { text: "tea" });
    assert.deepEqual((await changed)[0], { topic: { text: "tea" } });
    assert.deepEqual(ra.status, rb.status);
  },
  async "sets a room's status safely"() {
    const [a, b] = [await client(), await client()];
    const [ra, rb] = [a.room_signaling("rs2"), b.room_signaling("rs2")];
    await ra.connect();
    await rb.connect();
    await ra.setRoomStatusSafe("game", "chess");
    await refused(rb.setRoomStatusSafe("game", "go"), "Status not in expected state");
    await rb.setRoomStatusSafe("game", { go: [19, 19] }, "chess");
    await ra.setRoomStatusSafe("game", "chess", { go: [19, 19] });
    await settled(a, b);
    assert.deepEqual([ra.status, rb.status], [{ game: "chess" }, { game: "chess" }]);
  },
  async "takes a key of a room's status away"() {
    const [a, b] = [await client(), await client()];
    const [ra, rb] = [a.room_signaling("rs3"), b.room_signaling("rs3")];
    await ra.connect();
    await rb.connect();
    await ra.setRoomStatus("k", 1);
    await ra.setRoomStatus("k", undefined);
    await settled(b);
    assert.deepEqual(rb.status, {});
  },
  async "finds a room's status when it comes later"() {
    const a = await client();
    const ra = a.room_signaling("rs4");
    await ra.connect();
    await ra.setRoomStatus("k", [1, 2]);
    const rb = (await client()).room_signaling("rs4");
    await rb.connect();
    assert.deepEqual(rb.status, { k: [1, 2] });
  },
  async "registers a room"() {
    const [a, b] = [await client(), await client()];
    const n = await b.subscribe("rooms1");
    const ra = a.room_signaling("listed1");
    await ra.setStatus({ name: "Ada" });
    await ra.connect();
    const registered = next(n, "room_registered");
    await ra.register("rooms1");
    const [room] = await registered;
    assert.equal(room.id, "listed1");
    assert.deepEqual(room.peers[a.id].status, { name: "Ada" });
    const closed = next(room, "closed");
    await ra.unregister("rooms1");
    await closed;
    assert.deepEqual(n.rooms, {});
  },
  async "follows a registered room"() {
    const [a, b, c] = [await client(), await client(), await client()];
    const ra = a.room_signaling("listed2");
    await ra.connect();
    await ra.register("rooms2");
    const n = await c.subscribe("rooms2");
    const room = n.rooms["listed2"];
    const joined = next(n, "room_peer_joined");
    const rb = b.room_signaling("listed2");
    await rb.connect();
    assert.equal((await joined)[1].id, b.id);
    const status = next(n, "room_peer_status_changed");
    await rb.setStatus({ x: 1 });
    assert.deepEqual((await status)[2], { x: 1 });
    const update = next(n, "room_status_changed");
    await ra.setRoomStatus("k", "v");
    assert.deepEqual((await update)[1], { k: "v" });
    const left = next(n, "room_peer_left");
    await rb.close();
    assert.equal((await left)[1].id, b.id);
    const closed = next(room, "closed");
    await ra.close();
    await closed;
  },
  async "invites, and it is accepted"() {
    const [a, b] = [await client(), await client()];
    const ra = a.room_signaling("inv1");
    await ra.setStatus({ name: "Ada" });
    await ra.connect();
    await ra.setRoomStatus("k", 1);
    const incoming = next(b, "invitation");
    const joined = next(ra, "peer_joined");
    const invitation = await ra.invite(b.id, { why: "tea" });
    const [room] = await incoming;
    const [peer] = await joined;
    assert.deepEqual([room.sender_id, room.data, room.signaling.id, room.signaling.status], [a.id, { why: "tea" }, "inv1", { k: 1 }]);
    assert.deepEqual(room.signaling.peers[a.id].status, { name: "Ada" });
    assert.equal(peer.pending, true);
    room.signaling.setStatus({ name: "Bob" });
    const status = next(peer, "status_changed");
    await within(room.signaling.connect(), "accept");
    assert.equal(await within(invitation.response(), "response"), true);
    await within(peer.accepted(), "accepted");
    assert.deepEqual((await status)[0], { name: "Bob" });
    assert.equal(peer.pending, false);
    const got = next(peer, "message");
    await room.signaling.peers[a.id].send("message", { hello: true });
    assert.deepEqual((await got)[0], { hello: true });
  },
  async "invites without data"() {
    const [a, b] = [await client(), await client()];
    const ra = a.room_signaling("inv2");
    await ra.connect();
    const incoming = next(b, "invitation");
    await ra.invite(b.id);
    assert.deepEqual((await incoming)[0].data, {});
  },
  async "invites, and it is denied"() {
    const [a, b] = [await client(), await client()];
    const ra = a.room_signaling("inv3");
    await ra.connect();
    const incoming = next(b, "invitation");
    const invitation = await ra.invite(b.id, {});
    const [room] = await incoming;
    const left = next(ra, "peer_left");
    await within(room.deny(), "deny");
    assert.equal(await within(invitation.response(), "response"), false);
    await left;
    assert.deepEqual(ra.peers, {});
  },
  async "invites, and takes it back"() {
    const [a, b] = [await client(), await client()];
    const ra = a.room_signaling("inv4");
    await ra.connect();
    const incoming = next(b, "invitation");
    const invitation = await ra.invite(b.id, {});
    invitation.response().catch(() => {}); // it fails when the invitation is taken back
    const [room] = await incoming;
    const cancelled = next(room, "cancelled");
    await within(invitation.cancel(), "cancel");
    await cancelled;
    await refused(room.signaling.connect(), "Invalid invitation handle");
    await settled(a);
    assert.deepEqual(ra.peers, {});
  },
  async "is told when who invited it disconnects"() {
    const [a, b] = [await client(), await client()];
    const ra = a.room_signaling("inv5");
    await ra.connect();
    const incoming = next(b, "invitation");
    await ra.invite(b.id, {});
    const [room] = await incoming;
    const cancelled = next(room, "cancelled");
    a.close();
    await cancelled;
  },
  async "is told when who it invited disconnects"() {
    const [a, b] = [await client(), await client()];
    const ra = a.room_signaling("inv6");
    await ra.connect();
    const invitation = await ra.invite(b.id, {});
    b.close();
    assert.equal(await within(invitation.response(), "response"), false);
  },
  async "may not invite nobody, nor somebody twice"() {
    const [a, b] = [await client(), await client()];
    const ra = a.room_signaling("inv7");
    await ra.connect();
    await refused(ra.invite("nobody", {}), "Unknown recipient");
    await ra.invite(b.id, {});
    await refused(ra.invite(b.id, {}), "User is already in room");
  },
  async "hears what happens while it is only invited"() {
    const [a, b, c] = [await client(), await client(), await client()];
    const ra = a.room_signaling("inv8");
    await ra.connect();
    const incoming = next(b, "invitation");
    await ra.invite(b.id, {});
    const [room] = await incoming;
    const joined = next(room.signaling, "peer_joined");
    await c.room_signaling("inv8").connect();
    assert.equal((await joined)[0].id, c.id);
    const status = next(room.signaling, "status_changed");
    await ra.setRoomStatus("k", 1);
    assert.deepEqual((await status)[0], { k: 1 });
  },
  async "sees an accepted invitation in a namespace"() {
    const [a, b, c] = [await client(), await client(), await client()];
    const ra = a.room_signaling("inv9");
    await ra.connect();
    await ra.register("rooms3");
    const n = await c.subscribe("rooms3");
    const incoming = next(b, "invitation");
    await ra.invite(b.id, {});
    await settled(c);
    const peer = n.rooms["inv9"].peers[b.id];
    assert.equal(peer.pending, true);
    await within((await incoming)[0].signaling.connect(), "accept");
    await within(peer.accepted(), "accepted");
    assert.equal(peer.pending, false);
  },
  async "is not troubled by anything it was told"() {
    const odd = chatter.filter((line) => !/^(removing|removed|Unknown peer accepted|Closed: |unhandled: (User|Peer) left|unhandled: You left the room)/.test(line));
    assert.deepEqual(odd, []);
  },
};

(async () => {
  let failed = 0;
  for (const [name, check] of Object.entries(checks)) {
    clients = [];
    try {
      await check();
      out("ok " + name);
    } catch (err) {
      failed++;
      out("failed " + name + ": " + String((err && err.stack) || err).replace(/\n/g, " | "));
    }
    for (const c of clients) {
      if (c.state !== "closed") {
        c.close();
      }
    }
  }
  process.exit(failed ? 1 : 0);
})();
