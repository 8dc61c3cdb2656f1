// How long to wait before trying again.

const base = 400;
const ceiling = 15_000;

/**
 * The pause in milliseconds before attempt number `attempt` (0 for the first
 * repetition): doubling from 0.4 s up to 15 s, and of that a random part between
 * half and all, so that a room full of people does not return in one instant.
 */
export function backoff(attempt: number, random: () => number = Math.random): number {
  const full = Math.min(ceiling, base * 2 ** Math.min(attempt, 16));
  return full * (0.5 + random() / 2);
}

/** Waits for `ms` milliseconds, or shorter: it resolves at once when `signal` is aborted or `hurry` resolves. */
export function pause(ms: number, signal: AbortSignal, hurry?: Promise<unknown>): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) return resolve();
    const done = (): void => {
      clearTimeout(timer);
      signal.removeEventListener("abort", done);
      resolve();
    };
    const timer = setTimeout(done, ms);
    signal.addEventListener("abort", done);
    void hurry?.then(done);
  });
}
