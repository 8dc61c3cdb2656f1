// The browser's side of a room: real sockets and real connections.

import { Publisher, Subscriber } from "./peer.ts";
import type { RoomTools } from "./room.ts";

/** Makes what a room needs, for the server at the given WebSocket address. */
export function browserTools(address: string): RoomTools {
  return {
    socket: () => new WebSocket(address),
    sendingPeer: (source, limit, iceServers, onCandidate) => new Publisher(source, limit, iceServers, onCandidate),
    receivingPeer: (iceServers, onCandidate) => new Subscriber(iceServers, onCandidate),
  };
}
