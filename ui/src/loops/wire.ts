// The words of the loop protocol: what the server's messages mean, as plain values.
// Everything that comes from the network is checked here and nowhere else.

import { asArray, asObject, asText, type Json, type JsonObject } from "../shared/json.ts";
import type { Candidate } from "../shared/peer.ts";

/** What the person does on a loop: nothing, hear it, or hear it and be heard on it while they press to talk. */
export type Mode = "off" | "monitor" | "talk";

/** Somebody on a loop. One person with two windows is there twice. */
export interface Person {
  client: string;
  user: string;
  /** What to call them. */
  name: string;
}

/** Who is on a loop, as far as the server names them; of large crowds it only tells how many there are. */
export interface Presence {
  count: number;
  people: Person[];
  /** Those of them who press to talk, where the server says so. */
  talkers: Person[];
}

/** A place of a loop's key; all count from 1. */
export interface Place {
  page: number;
  row: number;
  column: number;
}

export interface LoopInfo {
  id: string;
  name: string;
  mayTalk: boolean;
  mode: Mode;
  /** 0 to 100. */
  volume: number;
  /** A CSS colour, or empty. */
  color: string;
  places: Place[];
  /** Who is on it, where the server tells beforehand. */
  presence?: Presence;
}

export interface RoleInfo {
  id: string;
  name: string;
  /** The name of the grid in which this role's keys stand. */
  layout: string;
}

export interface Grid {
  rows: number;
  columns: number;
}

export type LoopNews =
  | { kind: "switched"; ofUser: boolean; loop: string; mode: Mode; by: Person; role: string; presence: Presence }
  | { kind: "volume"; loop: string; volume: number; by: Person; role: string }
  | { kind: "talking"; loop: string; on: boolean; by: Person }
  /** A voice begins or ends on a loop. Servers that do not say whose it is name nobody, and say whether there is any. */
  | { kind: "activity"; loop: string; on: boolean; client: string };

export type News = LoopNews | { kind: "ready" } | { kind: "candidate"; candidate: Candidate } | { kind: "reload" };

const modes: Record<string, Mode> = { none: "off", recv: "monitor", send: "talk" };
const states: Record<Mode, string> = { off: "none", monitor: "recv", talk: "send" };

/** A mode as the protocol calls it. */
export function stateOf(mode: Mode): string {
  return states[mode];
}

/** Reads what the server tells unasked; undefined for what is unknown or makes no sense. */
export function readNews(event: string, message: JsonObject): News | undefined {
  const p = asObject(message["parameter"]) ?? {};
  const loop = asText(p["loop"]);
  switch (event) {
    case "media_ready":
      return { kind: "ready" };
    case "candidate":
      return candidateNews(p);
    case "broadcast":
      return p["type"] === "page_update" ? { kind: "reload" } : undefined;
    case "switch_loop_state": {
      if (loop === undefined) return undefined;
      const ofUser = message["type"] === "user_broadcast";
      return { kind: "switched", ofUser, loop, mode: readMode(p["state"]), by: person(p), role: asText(p["role"]) ?? "", presence: readPresence(p["participants"]) };
    }
    case "switch_loop_volume":
      return loop === undefined ? undefined : { kind: "volume", loop, volume: readVolume(p["volume"]), by: person(p), role: asText(p["role"]) ?? "" };
    case "talking":
      return loop === undefined ? undefined : { kind: "talking", loop, on: p["state"] === true, by: person(p) };
    case "vad":
      if (loop === undefined) return undefined;
      if (typeof p["speaks"] === "boolean") return { kind: "activity", loop, on: p["speaks"], client: asText(p["client"]) ?? "" };
      return { kind: "activity", loop, on: p["on"] === true, client: "" };
    default:
      return undefined;
  }
}

/** Reads the answer to role_loops. */
export function readLoops(response: JsonObject): LoopInfo[] {
  return Object.entries(asObject(response["loops"]) ?? {}).flatMap(([id, value]) => {
    const loop = asObject(value);
    return loop ? [readLoop(id, loop)] : [];
  });
}

function readLoop(id: string, loop: JsonObject): LoopInfo {
  return {
    id,
    name: (asText(loop["name"]) || id).replaceAll("\\n", "\n"),
    mayTalk: loop["permission"] === "send",
    mode: readMode(loop["state"]),
    volume: readVolume(loop["volume"]),
    color: asText(loop["highlight_color"]) ?? "",
    places: asArray(loop["layout_position"]).flatMap(readPlace),
    ...(Array.isArray(loop["present"]) && { presence: readPresence(loop["present"]) }),
  };
}

function readPlace(value: Json): Place[] {
  const place = asObject(value);
  const [page, row, column] = [place?.["page"], place?.["row"], place?.["column"]].map((v) => Math.trunc(Number(v ?? NaN)));
  const fits = (n: number | undefined): n is number => n !== undefined && n >= 1 && n <= 1000;
  return fits(page) && fits(row) && fits(column) ? [{ page, row, column }] : [];
}

/** Reads the answer to switch_loop_state. */
export function readSwitched(response: JsonObject): { mode: Mode; presence: Presence } {
  return { mode: readMode(response["state"]), presence: readPresence(response["participants"]) };
}

/** Reads a volume; whatever is none is the one that loops begin with. */
export function readVolume(value: Json | undefined): number {
  const volume = typeof value === "number" ? value : 50;
  return Math.min(100, Math.max(0, Math.round(volume)));
}

/** Reads the answer to user_roles, in the order of their names. The role of administrators has no loops. */
export function readRoles(response: JsonObject): RoleInfo[] {
  return Object.entries(asObject(response["roles"]) ?? {})
    .filter(([id]) => id !== "admin")
    .map(([id, value]) => {
      const role = asObject(value);
      return { id, name: asText(role?.["name"]) || id, layout: asText(role?.["project"]) ?? "default" };
    })
    .sort((a, b) => a.name.localeCompare(b.name));
}

/** Reads the answer to get for a user. */
export function readUser(response: JsonObject, user: string): { name: string; domain: string } {
  const result = asObject(response["result"]);
  return { name: asText(result?.["name"]) || user, domain: asText(asObject(result?.["domain"])?.["domain"]) ?? "" };
}

/** Reads the answer to get_keyset_layout; zero where it says nothing. */
export function readGrid(response: JsonObject): Grid {
  const layout = asObject(response["layout"]);
  const size = (value: Json | undefined): number => {
    const n = Math.trunc(Number(value ?? 0));
    return n >= 1 && n <= 100 ? n : 0;
  };
  return { rows: size(layout?.["grid_rows"]), columns: size(layout?.["grid_columns"]) };
}

function readMode(value: Json | undefined): Mode {
  return modes[asText(value) ?? "none"] ?? "off";
}

function person(p: JsonObject): Person {
  const user = asText(p["user"]) ?? "";
  return { client: asText(p["client"]) ?? "", user, name: asText(p["name"]) || user || "somebody" };
}

function readPresence(value: Json | undefined): Presence {
  const all = asArray(value);
  const named = all.flatMap((item) => {
    const one = asObject(item);
    return one && asText(one["client"]) ? [one] : [];
  });
  return { count: all.length, people: named.map(person), talkers: named.filter((one) => one["talking"] === true).map(person) };
}

function candidateNews(p: JsonObject): News | undefined {
  const candidate = asText(p["candidate"]);
  if (candidate === undefined) return undefined;
  const sdpMLineIndex = Number(p["sdpMLineIndex"] ?? 0);
  return { kind: "candidate", candidate: { candidate, sdpMid: String(p["sdpMid"] ?? sdpMLineIndex), sdpMLineIndex } };
}

/** A candidate of ours as the server wants it. */
export function candidateParameter(candidate: Candidate): JsonObject {
  return { ...candidate, ufrag: / ufrag (\S+)/.exec(candidate.candidate)?.[1] ?? "" };
}
