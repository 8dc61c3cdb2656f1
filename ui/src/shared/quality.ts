// How good a connection is, from two readings of its counters.

/** One reading of a connection. All counters grow from the start of the connection; missing means not measured yet. */
export interface Sample {
  /** When it was taken, in milliseconds. */
  at: number;
  rttMs?: number;
  audio?: Counters;
  video?: Counters;
}

export interface Counters {
  packets: number;
  lost: number;
  jitterMs: number;
  /** Pictures shown, and for how long they stood still in all; video only. */
  frames?: number;
  frozenMs?: number;
  /** Energy and length of the sound that was played; audio only. */
  energy?: number;
  seconds?: number;
}

export type Grade = "good" | "fair" | "poor" | "unknown";

export interface Quality {
  grade: Grade;
  /** What was measured, in words for a person; empty if nothing was. */
  details: string;
}

export const unmeasured: Quality = { grade: "unknown", details: "" };

/** The limits up to which a connection is good, and up to which it is fair. Loss and freezes are shares of one. */
const limits = {
  loss: [0.02, 0.08],
  jitterMs: [40, 100],
  rttMs: [250, 500],
  frozen: [0.05, 0.25],
} as const;

/** Judges the time between two readings of the same connection. */
export function judge(before: Sample | undefined, now: Sample): Quality {
  if (!before || now.at <= before.at) return unmeasured;
  const kinds = [span(before.audio, now.audio), span(before.video, now.video)].filter((s) => s !== undefined);
  const received = kinds.reduce((sum, k) => sum + k.packets, 0);
  const lost = kinds.reduce((sum, k) => sum + k.lost, 0);
  if (received + lost === 0) return unmeasured;

  const loss = lost / (received + lost);
  const jitterMs = Math.max(...kinds.map((k) => k.jitterMs));
  const frozen = Math.max(...kinds.map((k) => k.frozenMs)) / (now.at - before.at);
  const worst = Math.max(
    step(loss, limits.loss),
    step(jitterMs, limits.jitterMs),
    step(now.rttMs ?? 0, limits.rttMs),
    step(frozen, limits.frozen),
  );
  const grade = (["good", "fair", "poor"] as const)[worst] ?? "poor";
  return { grade, details: inWords(loss, jitterMs, now.rttMs, frozen) };
}

/** Whether video came in between the two readings. */
export function videoFlowed(before: Sample, now: Sample): boolean {
  return (now.video?.packets ?? 0) > (before.video?.packets ?? 0);
}

/** The mean loudness between two readings, 0 to 1; undefined if no sound was played in between. */
export function loudness(before: Sample, now: Sample): number | undefined {
  const seconds = (now.audio?.seconds ?? 0) - (before.audio?.seconds ?? 0);
  if (seconds <= 0) return undefined;
  return Math.sqrt(Math.max(0, (now.audio?.energy ?? 0) - (before.audio?.energy ?? 0)) / seconds);
}

interface Span {
  packets: number;
  lost: number;
  jitterMs: number;
  frozenMs: number;
}

function span(before: Counters | undefined, now: Counters | undefined): Span | undefined {
  if (!now) return undefined;
  const packets = Math.max(0, now.packets - (before?.packets ?? 0));
  // Lost packets that arrive after all are taken back, so the counter may fall.
  const lost = Math.max(0, now.lost - (before?.lost ?? 0));
  const frozenMs = Math.max(0, (now.frozenMs ?? 0) - (before?.frozenMs ?? 0));
  // A stream that is paused keeps its last jitter; that says nothing about now.
  return { packets, lost, frozenMs, jitterMs: packets > 0 ? now.jitterMs : 0 };
}

function step(value: number, [good, fair]: readonly [number, number]): number {
  return value <= good ? 0 : value <= fair ? 1 : 2;
}

function inWords(loss: number, jitterMs: number, rttMs: number | undefined, frozen: number): string {
  const parts = [`${(loss * 100).toFixed(1)} % lost`, `jitter ${Math.round(jitterMs)} ms`];
  if (rttMs !== undefined) parts.push(`round trip ${Math.round(rttMs)} ms`);
  if (frozen > 0.01) parts.push(`picture frozen ${Math.round(Math.min(1, frozen) * 100)} % of the time`);
  return parts.join(", ");
}
