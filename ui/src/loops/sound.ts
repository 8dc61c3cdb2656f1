// What the person hears: all loops as one sound, on the headset that they chose.

/** Plays on another device from now on; the default one if that is gone. */
export async function playOn(element: HTMLMediaElement, device: string): Promise<void> {
  if (!("setSinkId" in element) || element.sinkId === device) return;
  await element.setSinkId(device).catch(() => element.setSinkId("").catch(() => undefined));
}

const toneHz = 440;
const toneSeconds = 1.2;

/** Plays a soft tone on a device, so that the person knows that they would hear something. Resolves when it is over. */
export async function testTone(device: string): Promise<void> {
  const context = new AudioContext();
  try {
    const oscillator = new OscillatorNode(context, { frequency: toneHz });
    const gain = new GainNode(context, { gain: 0 });
    const out = context.createMediaStreamDestination();
    oscillator.connect(gain).connect(out);
    const now = context.currentTime;
    gain.gain.setValueAtTime(0, now);
    gain.gain.linearRampToValueAtTime(0.12, now + 0.08);
    gain.gain.setValueAtTime(0.12, now + toneSeconds - 0.2);
    gain.gain.linearRampToValueAtTime(0, now + toneSeconds);
    const element = new Audio();
    element.srcObject = out.stream;
    await playOn(element, device);
    await element.play();
    const over = new Promise<void>((resolve) => (oscillator.onended = () => resolve()));
    oscillator.start(now);
    oscillator.stop(now + toneSeconds);
    await over;
    element.pause();
  } finally {
    await context.close();
  }
}
