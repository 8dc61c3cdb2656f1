// What the person is told when something does not work: what it is, and what to do.

import { RpcError } from "../shared/rpc.ts";
import type { Refusal } from "./desk.ts";
import type { Mode } from "./wire.ts";

const denied = 5000;

/** Explains why the person is not signed in. */
export function refusalWords({ by, error }: Refusal): string {
  if (!(error instanceof RpcError)) return "The server could not be reached. Check your network and try again; if its other pages work, ask your administrator whether voice loops are switched on.";
  if (error.code === denied) {
    return by === "password"
      ? "The name or the password is not right. Type both again; if it still fails, ask your administrator for a new password."
      : "Your session has ended. Sign in again.";
  }
  return `The server cannot sign you in now: ${error.message}. Wait a moment and try again.`;
}

/** Explains that sound does not come through. */
export function soundWords(error: unknown): string {
  if (error instanceof RpcError) return `The server cannot connect your sound: ${error.message}. The page tries again by itself.`;
  return "Your sound does not reach the server. The page tries again by itself; if it stays like this, a firewall may block the server’s media port: tell your administrator.";
}

/** Explains that the server does not do what was asked on a loop. */
export function loopWords(what: "switch" | "volume" | "talking", loop: string, error: unknown): string {
  const said = error instanceof RpcError ? error.message : String(error);
  switch (what) {
    case "switch":
      return `“${loop}” could not be switched (${said}). Your role may lack the right; ask your administrator.`;
    case "volume":
      return `The volume of “${loop}” was not changed (${said}). Try again.`;
    case "talking":
      return `You are not heard on “${loop}” (${said}). Press Talk on its key again, or ask your administrator.`;
  }
}

/** Explains that the server switched a loop. */
export function movedWords(loop: string, mode: Mode): string {
  return mode === "off"
    ? `You were taken off “${loop}”: it was closed, or your role may no longer hear it. Ask your administrator.`
    : `Your role may no longer talk on “${loop}”; you still hear it. Ask your administrator.`;
}

export const noTalkLoop = "Nobody hears you yet: press Talk on the loops you want to talk on, then push to talk.";
export const noMicrophone = "No microphone is open, so nobody hears you. Open Settings and choose one.";

/** The three modes, as they stand on keys. */
export const modeWords: Record<Mode, string> = { off: "Off", monitor: "Monitor", talk: "Talk" };

/** A few names, and how many more. */
export function listNames(names: readonly string[], most: number): string {
  if (names.length <= most) return names.join(", ");
  return `${names.slice(0, most).join(", ")} +${names.length - most}`;
}
