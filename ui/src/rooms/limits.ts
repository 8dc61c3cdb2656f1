// How much video each member sends, so that what everybody receives in sum stays bearable.

import type { SendLimit } from "./peer.ts";
import { screen } from "./wire.ts";

/** The limit for a stream in a room of so many people: full size for two, thumbnails for a crowd. */
export function sendLimit(stream: string, people: number): SendLimit {
  if (stream === screen) return { maxBitrate: 2_500_000, scaleDownBy: 1 };
  if (people <= 2) return { maxBitrate: 1_800_000, scaleDownBy: 1 };
  if (people <= 4) return { maxBitrate: 900_000, scaleDownBy: 1.5 };
  if (people <= 9) return { maxBitrate: 450_000, scaleDownBy: 2 };
  return { maxBitrate: 220_000, scaleDownBy: 4 };
}
