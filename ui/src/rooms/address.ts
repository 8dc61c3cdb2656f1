// What the page's own address says, and addresses to give away.

import type { VideoSize } from "../shared/devices.ts";

export interface Address {
  /** The room asked for, by #/ROOM or ?room=ROOM; empty if none is. */
  room: string;
  /** Lets the person in where the server asks for it. */
  token: string;
  /** For developers: ?video=320x180 or ?video=320x180x15. */
  video: Partial<VideoSize>;
}

export function readAddress(href: string): Address {
  const url = new URL(href);
  return {
    room: roomOfHash(url.hash) || (url.searchParams.get("room") ?? "").trim(),
    token: url.searchParams.get("token") ?? "",
    video: readSize(url.searchParams.get("video") ?? ""),
  };
}

/** The address by which others come to the room. It carries no token: that is the person's own. */
export function invitation(href: string, room: string): string {
  const url = new URL(href);
  return `${url.origin}${url.pathname}#/${encodeURIComponent(room)}`;
}

/** Where the room server listens: the host of the page. */
export function socketAddress(href: string, token: string): string {
  const url = new URL("/room", href);
  url.protocol = url.protocol === "http:" ? "ws:" : "wss:";
  url.hash = url.search = "";
  if (token !== "") url.searchParams.set("token", token);
  return url.href;
}

function roomOfHash(hash: string): string {
  const name = /^#\/(?:rooms\/)?(.+)$/.exec(hash)?.[1];
  if (name === undefined) return "";
  try {
    return decodeURIComponent(name).trim();
  } catch {
    return name.trim(); // a percent sign that encodes nothing
  }
}

function readSize(text: string): Partial<VideoSize> {
  const match = /^(\d{2,4})x(\d{2,4})(?:x(\d{1,3}))?$/.exec(text);
  if (!match) return {};
  const size: Partial<VideoSize> = { width: Number(match[1]), height: Number(match[2]) };
  if (match[3] !== undefined) size.frameRate = Number(match[3]);
  return size;
}
