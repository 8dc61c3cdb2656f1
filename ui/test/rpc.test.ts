// The JSON-RPC client.

import assert from "node:assert/strict";
import { afterEach, beforeEach, describe, mock, test } from "node:test";
import { jsonRpc } from "../src/rooms/grammar.ts";
import type { JsonObject } from "../src/shared/json.ts";
import { Rpc, RpcError, RpcLost } from "../src/shared/rpc.ts";
import { FakeSocket, settle } from "./fakes.ts";

beforeEach(() => mock.timers.enable());
afterEach(() => mock.timers.reset());

async function opened(): Promise<{ rpc: Rpc; socket: FakeSocket; heard: [string, JsonObject][] }> {
  const socket = new FakeSocket();
  const heard: [string, JsonObject][] = [];
  const opening = Rpc.open(socket, { grammar: jsonRpc, notify: (method, params) => heard.push([method, params]) });
  socket.open();
  return { rpc: await opening, socket, heard };
}

describe("rpc", () => {
  test("pings first of all, telling its interval once, and goes on pinging", async () => {
    const { rpc, socket } = await opened();
    assert.deepEqual(socket.pings, [{ id: 0, method: "ping", params: { interval: 3000 } }]);
    await settle();
    mock.timers.tick(3000);
    assert.deepEqual(socket.pings[1], { id: 1, method: "ping", params: {} });
    rpc.close();
  });

  test("matches answers to requests in whatever order they come", async () => {
    const { rpc, socket } = await opened();
    const first = rpc.request("first", { a: 1 });
    const second = rpc.request("second");
    socket.reply(2, { said: "second" });
    socket.reply(1, { said: "first" });
    assert.deepEqual([await first, await second], [{ said: "first" }, { said: "second" }]);
    rpc.close();
  });

  test("turns an error answer into an error with its code", async () => {
    const { rpc, socket } = await opened();
    const asked = rpc.request("joinRoom", {});
    socket.receive({ jsonrpc: "2.0", id: 1, error: { code: 104, message: "taken", data: "x" }, data: {} });
    await assert.rejects(asked, (e: unknown) => e instanceof RpcError && e.code === 104 && e.message === "taken");
    rpc.close();
  });

  test("hands on notifications in order and ignores what makes no sense", async () => {
    const { rpc, socket, heard } = await opened();
    socket.event("one", { n: 1 });
    socket.onmessage?.({ data: "not json" } as MessageEvent<unknown>);
    socket.onmessage?.({ data: new ArrayBuffer(3) } as MessageEvent<unknown>);
    socket.receive([1, 2]);
    socket.receive({ id: 77, result: {} });
    socket.receive({ method: "two" });
    socket.receive({ method: "a request of the server", id: 5, params: {} });
    assert.deepEqual(heard, [["one", { n: 1 }], ["two", {}]]);
    rpc.close();
  });

  test("gives up a request that is not answered, and stays usable", async () => {
    const { rpc, socket } = await opened();
    await settle();
    const asked = rpc.request("joinRoom", {});
    const outcome = asked.catch((e: unknown) => e);
    for (let i = 0; i < 5; i++) {
      mock.timers.tick(3000);
      await settle();
    }
    assert.ok((await outcome) instanceof RpcLost);
    const again = rpc.request("leaveRoom");
    socket.reply(socket.last("leaveRoom").id, {});
    assert.deepEqual(await again, {});
    rpc.close();
  });

  test("takes a server that no longer answers pings for dead", async () => {
    const { rpc, socket } = await opened();
    socket.answersPings = false;
    await settle();
    const asked = rpc.request("joinRoom", {}).catch((e: unknown) => e);
    for (let i = 0; i < 3; i++) {
      mock.timers.tick(3000);
      await settle();
    }
    assert.match((await rpc.closed).reason, /does not answer/);
    assert.ok((await asked) instanceof RpcLost);
    assert.equal(socket.closedWith, 1000);
  });

  test("tells the code by which the server closed, and refuses requests from then on", async () => {
    const { rpc, socket } = await opened();
    const asked = rpc.request("joinRoom", {}).catch((e: unknown) => e);
    socket.drop(1001);
    assert.equal((await rpc.closed).code, 1001);
    assert.ok((await asked) instanceof RpcLost);
    await assert.rejects(rpc.request("leaveRoom"), RpcLost);
  });

  test("fails to open when the socket closes or nothing happens", async () => {
    const refused = new FakeSocket();
    const first = Rpc.open(refused, { grammar: jsonRpc, notify: () => undefined });
    refused.drop();
    await assert.rejects(first, RpcLost);
    const silent = Rpc.open(new FakeSocket(), { grammar: jsonRpc, notify: () => undefined });
    const outcome = silent.catch((e: unknown) => e);
    mock.timers.tick(15_000);
    assert.ok((await outcome) instanceof RpcLost);
  });
});
