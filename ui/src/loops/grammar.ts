// The envelope in which the loop server's messages come: an event with a parameter,
// and the same event back with a response.

import { asObject, asText } from "../shared/json.ts";
import { RpcError, type Grammar, type Incoming } from "../shared/rpc.ts";
import { newId } from "./id.ts";

/** Speaks for the client with this id. News are handed on whole, since their scope stands beside their parameter. */
export function envelope(client: string): Grammar {
  return {
    request(_n, event, parameter = {}) {
      const uuid = newId();
      return { id: uuid, message: { event, uuid, client, type: "unicast", parameter } };
    },

    read(message): Incoming | undefined {
      const event = asText(message["event"]);
      if (event === undefined) return undefined;
      const error = asObject(message["error"]);
      if (message["response"] === undefined && !error) return { kind: "news", method: event, params: message };
      const id = asText(message["uuid"]);
      if (id === undefined) return undefined;
      if (!error) return { kind: "answer", id, result: asObject(message["response"]) ?? {} };
      const said = asText(error["description"]) || "the server refused";
      return { kind: "refusal", id, error: new RpcError(Number(error["code"] ?? 0), said) };
    },

    // There is no ping; this is the request that costs nothing, and it makes the server send what is for everybody.
    ping: () => ({ method: "register" }),
  };
}
