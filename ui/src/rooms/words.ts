// What the person is told when something does not work: what it is, and what to do.

import type { Farewell } from "./room.ts";
import { RpcError } from "../shared/rpc.ts";

/** Explains why a room could not be entered, or could not be entered again. */
export function entryWords(error: unknown, user: string, room: string, hasToken: boolean): string {
  if (!(error instanceof RpcError)) {
    const hint = hasToken
      ? "Your invitation link may have expired: ask for a new one."
      : "If you were given an invitation link, open the page by that link.";
    return `The server could not be reached. Check your network and try again. ${hint}`;
  }
  const said = error.message;
  if (error.code === 104) return `Somebody called “${user}” is already in “${room}”. Choose another name.`;
  if (error.code === 101 || /token|permission|not allowed|denied|unauthori[sz]ed|forbidden/i.test(said)) {
    return `The server does not let you into “${room}”. Open the page by the invitation link you were given, or ask for one. (${said})`;
  }
  if (/full|too many|limit/i.test(said)) return `“${room}” is full. Try again when somebody has left, or choose another room.`;
  if (error.code === 203) return `“${room}” is just being closed. Try again in a moment.`;
  if (error.code === 204) return `The room “${room}” cannot be opened here. Choose the name of an existing room. (${said})`;
  if (error.code === 999) return "The server does not accept this name. Choose another one.";
  return `The server refused: ${said}`;
}

/** Explains why a visit ended that the person did not end. */
export function farewellWords(farewell: Farewell, user: string, room: string, hasToken: boolean): string {
  switch (farewell.kind) {
    case "evicted":
      return `You were removed from “${room}”. Ask its host before you join again.`;
    case "closed":
      return `“${room}” was closed. You can open it again by joining.`;
    case "error":
      return entryWords(farewell.error, user, room, hasToken);
  }
}

/** Explains that the server does not let the page send or receive. */
export function refusalWords(what: "send" | "receive", said: string): string {
  return what === "send"
    ? `You may listen here, but not be seen or heard. Ask the host for an invitation link that allows more. (${said})`
    : `You may not see and hear others here. Ask the host for an invitation link that allows it. (${said})`;
}
