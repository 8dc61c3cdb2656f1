// How much video each member sends, so that what everybody receives in sum stays bearable.

import { screen } from "./wire.ts";

/** How much video to send at most: bits a second, and lines of picture. */
export interface SendLimit {
  maxBitrate: number;
  maxHeight: number;
}

/** The limit for a stream in a room of so many people: full size for two, thumbnails for a crowd. */
export function sendLimit(stream: string, people: number): SendLimit {
  if (stream === screen) return { maxBitrate: 2_500_000, maxHeight: Infinity };
  if (people <= 2) return { maxBitrate: 1_800_000, maxHeight: 720 };
  if (people <= 4) return { maxBitrate: 900_000, maxHeight: 480 };
  if (people <= 9) return { maxBitrate: 450_000, maxHeight: 360 };
  return { maxBitrate: 220_000, maxHeight: 180 };
}

/** By how much a picture of that height has to be shrunk to keep the limit; never enlarged. */
export function shrink(height: number | undefined, limit: SendLimit): number {
  return Math.max(1, (height ?? 0) / limit.maxHeight);
}
