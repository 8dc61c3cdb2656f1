// JSON-RPC 2.0, as the room server speaks it.

import { asObject, type JsonObject } from "../shared/json.ts";
import { RpcError, type Grammar, type Incoming } from "../shared/rpc.ts";

export const jsonRpc: Grammar = {
  request(n, method, params) {
    return { id: n, message: { jsonrpc: "2.0", method, ...(params && { params }), id: n } };
  },

  read(message): Incoming | undefined {
    const { id, method } = message;
    if (typeof method === "string") {
      return id === undefined ? { kind: "news", method, params: asObject(message["params"]) ?? {} } : undefined;
    }
    if (typeof id !== "number") return undefined;
    const error = asObject(message["error"]);
    if (!error) return { kind: "answer", id, result: asObject(message["result"]) ?? {} };
    return { kind: "refusal", id, error: new RpcError(Number(error["code"] ?? 0), String(error["message"] ?? "the server refused")) };
  },

  // The first one tells the server how often to expect one.
  ping(everyMs): { method: string; params?: JsonObject } {
    return everyMs === undefined ? { method: "ping" } : { method: "ping", params: { interval: everyMs } };
  },
};
