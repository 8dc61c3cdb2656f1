// Who is talking: from loudness to a steady yes or no, and the loudness of the own microphone.

const threshold = 0.012; // about -38 dB: above breathing and fans, below a quiet voice
const holdMs = 700; // pauses between words

/** Turns a loudness that is read a few times a second into talking or not. */
export class Talk {
  #lastLoud = -Infinity;

  /** Takes the loudness (0 to 1) at `now` (ms) and tells whether the person is talking. */
  hear(level: number, now: number): boolean {
    if (level > threshold) this.#lastLoud = now;
    return now - this.#lastLoud < holdMs;
  }
}

/** Spreads loudness over a meter from 0 to 1 as ears hear it: -50 dB is empty, -6 dB is full. */
export function meterShare(level: number): number {
  const decibel = 20 * Math.log10(Math.max(level, 1e-6));
  return Math.min(1, Math.max(0, (decibel + 50) / 44));
}

/** Listens to a local microphone track. Reading the level costs a little, so read it a few times a second. */
export class Meter {
  #context: AudioContext;
  #source: MediaStreamAudioSourceNode;
  #analyser: AnalyserNode;
  #samples: Float32Array<ArrayBuffer>;

  constructor(track: MediaStreamTrack) {
    this.#context = new AudioContext();
    this.#source = this.#context.createMediaStreamSource(new MediaStream([track]));
    this.#analyser = this.#context.createAnalyser();
    this.#analyser.fftSize = 2048;
    this.#samples = new Float32Array(this.#analyser.fftSize);
    this.#source.connect(this.#analyser);
    // Browsers start audio only after the person has done something on the page.
    addEventListener("pointerdown", this.#wake);
    addEventListener("keydown", this.#wake);
    this.#wake();
  }

  /** The loudness of the last 40 ms or so, 0 to 1. */
  level(): number {
    this.#analyser.getFloatTimeDomainData(this.#samples);
    let sum = 0;
    for (const sample of this.#samples) sum += sample * sample;
    return Math.sqrt(sum / this.#samples.length);
  }

  close(): void {
    removeEventListener("pointerdown", this.#wake);
    removeEventListener("keydown", this.#wake);
    this.#source.disconnect();
    void this.#context.close();
  }

  #wake = (): void => {
    if (this.#context.state === "suspended") void this.#context.resume().catch(() => undefined);
  };
}
