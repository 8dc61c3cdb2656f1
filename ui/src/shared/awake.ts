// Keeping the screen lit.

/** Keeps the screen from going dark during a conversation, where the browser can. Returns what ends that. */
export function keepAwake(): () => void {
  let lock: WakeLockSentinel | undefined;
  let over = false;
  const ask = async (): Promise<void> => {
    if (document.visibilityState !== "visible") return;
    const got = await navigator.wakeLock?.request("screen").catch(() => undefined);
    if (over) void got?.release();
    else lock = got;
  };
  const onVisible = (): void => void ask(); // hiding the page ends the lock
  document.addEventListener("visibilitychange", onVisible);
  void ask();
  return () => {
    over = true;
    document.removeEventListener("visibilitychange", onVisible);
    void lock?.release();
  };
}
