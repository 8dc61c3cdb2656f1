// The words of the room protocol: what the server's messages mean, as plain values.
// Everything that comes from the network is checked here and nowhere else.

import { asArray, asObject, asText, type Json, type JsonObject } from "../shared/json.ts";
import { readIceServers } from "../shared/iceServers.ts";
import type { Candidate } from "../shared/peer.ts";

/** Somebody in the room and what they are sending. */
export interface MemberInfo {
  name: string;
  streams: string[];
}

export interface Admission {
  sessionId: string;
  members: MemberInfo[];
  /** Relays and address finders that the server offers; old servers name none. */
  iceServers: RTCIceServer[];
}

export type RoomEvent =
  | { kind: "joined"; name: string }
  | { kind: "published"; name: string; streams: string[] }
  | { kind: "unpublished"; name: string; remaining: string[] }
  | { kind: "left"; name: string }
  | { kind: "evicted" }
  | { kind: "closed" }
  | { kind: "chat"; user: string; text: string }
  | { kind: "candidate"; endpoint: string; candidate: Candidate }
  | { kind: "mediaError"; text: string };

/** The stream that every client of this protocol knows; others are named in full. */
export const camera = "webcam";
export const screen = "screen";

/** How candidates name a stream: by its owner alone if it is the camera, else by owner and stream. */
export function endpointName(user: string, stream: string): string {
  return stream === camera ? user : `${user}_${stream}`;
}

/** How subscriptions name a stream. */
export function senderName(user: string, stream: string): string {
  return `${user}_${stream}`;
}

/** Reads the answer to joinRoom. */
export function admission(result: JsonObject): Admission {
  const members: MemberInfo[] = [];
  for (const item of asArray(result["value"])) {
    const member = asObject(item);
    const name = asText(member?.["id"]);
    if (name !== undefined) members.push({ name, streams: streamIds(member?.["streams"]) });
  }
  return { sessionId: asText(result["sessionId"]) ?? "", members, iceServers: readIceServers(result["iceServers"]) };
}

/** Reads a notification; undefined for those that are unknown or make no sense. */
export function roomEvent(method: string, params: JsonObject): RoomEvent | undefined {
  const name = asText(params["name"]) ?? asText(params["id"]);
  switch (method) {
    case "participantJoined":
      return name === undefined ? undefined : { kind: "joined", name };
    case "participantPublished":
      return name === undefined ? undefined : { kind: "published", name, streams: streamIds(params["streams"]) };
    case "participantUnpublished":
      return name === undefined ? undefined : { kind: "unpublished", name, remaining: streamIds(params["streams"]) };
    case "participantLeft":
      return name === undefined ? undefined : { kind: "left", name };
    case "participantEvicted":
      return { kind: "evicted" };
    case "roomClosed":
      return { kind: "closed" };
    case "sendMessage": {
      const user = asText(params["user"]) ?? name;
      const text = asText(params["message"]);
      return user === undefined || text === undefined ? undefined : { kind: "chat", user, text };
    }
    case "iceCandidate":
      return candidateEvent(params);
    case "mediaError":
      return { kind: "mediaError", text: asText(params["error"]) ?? "" };
    default:
      return undefined;
  }
}

function candidateEvent(params: JsonObject): RoomEvent | undefined {
  const endpoint = asText(params["endpointName"]);
  const candidate = asText(params["candidate"]);
  if (endpoint === undefined || candidate === undefined) return undefined;
  const sdpMLineIndex = Number(params["sdpMLineIndex"] ?? 0);
  const sdpMid = asText(params["sdpMid"]) ?? String(sdpMLineIndex);
  return { kind: "candidate", endpoint, candidate: { candidate, sdpMid, sdpMLineIndex } };
}

function streamIds(value: Json | undefined): string[] {
  const ids = asArray(value).map((item) => asText(asObject(item)?.["id"]));
  return [...new Set(ids.filter((id) => id !== undefined))];
}
