// The person's own devices: what there is, what was chosen, and the tracks they give.

import { computed, signal, type Signal } from "@preact/signals";
import type { Memory } from "./memory.ts";

export type Kind = "camera" | "microphone";

/** What went wrong with a device, with the browser's name for it (see words.ts for what the person reads). */
export interface DeviceTrouble {
  kind: Kind;
  /** DOMException name, "insecure" where the page may not ask at all, or "ended" if the device went away while in use. */
  cause: string;
}

/** Width, height and frame rate asked of the camera. */
export interface VideoSize {
  width: number;
  height: number;
  frameRate: number;
}

const defaultSize: VideoSize = { width: 1280, height: 720, frameRate: 30 };
const labels: Record<Kind, MediaDeviceKind> = { camera: "videoinput", microphone: "audioinput" };

export interface DeviceOptions {
  /** Where choices are kept. */
  memory: Memory;
  /** The devices that this page uses at all. */
  kinds: readonly Kind[];
  size?: Partial<VideoSize>;
}

export class Devices {
  /** Whether the person wants it on. */
  readonly wanted: Record<Kind, Signal<boolean>>;
  readonly tracks = { camera: signal<MediaStreamTrack | null>(null), microphone: signal<MediaStreamTrack | null>(null) };
  readonly chosen: Record<Kind | "speaker", Signal<string>>;
  readonly trouble = { camera: signal<DeviceTrouble | undefined>(undefined), microphone: signal<DeviceTrouble | undefined>(undefined) };
  readonly all = signal<readonly MediaDeviceInfo[]>([]);

  /** On means that others see or hear something of it. */
  readonly cameraOn = computed(() => this.wanted.camera.value && this.tracks.camera.value !== null);
  readonly microphoneOn = computed(() => this.wanted.microphone.value && this.tracks.microphone.value !== null);

  #memory: Memory;
  #size: VideoSize;
  #pending: Promise<void> = Promise.resolve();

  constructor({ memory, kinds, size }: DeviceOptions) {
    const wanted = (kind: Kind) => signal(kinds.includes(kind) && memory.recall(`${kind}-on`) !== "no");
    const chosen = (kind: string) => signal(memory.recall(kind) ?? "");
    this.wanted = { camera: wanted("camera"), microphone: wanted("microphone") };
    this.chosen = { camera: chosen("camera"), microphone: chosen("microphone"), speaker: chosen("speaker") };
    this.#memory = memory;
    this.#size = { ...defaultSize, ...size };
    navigator.mediaDevices?.addEventListener("devicechange", () => void this.list());
  }

  /** Opens what the person wants on, with one question of the browser for both where possible. */
  start(): Promise<void> {
    return this.#inTurn(async () => {
      const kinds = (["camera", "microphone"] as const).filter((kind) => this.wanted[kind].peek() && !this.tracks[kind].peek());
      if (kinds.length === 2 && (await this.#openBoth())) return;
      for (const kind of kinds) await this.#open(kind);
    });
  }

  /** Turns a device on or off. The camera is let go when off, so that its light goes out; the microphone is kept, silent. */
  turn(kind: Kind, on: boolean): Promise<void> {
    this.wanted[kind].value = on;
    this.#memory.remember(`${kind}-on`, on ? "yes" : "no");
    return this.#inTurn(async () => {
      const track = this.tracks[kind].peek();
      if (on && !track) await this.#open(kind);
      else if (kind === "microphone" && track) track.enabled = on;
      else if (!on) this.#drop(kind);
    });
  }

  /** Uses another camera or microphone from now on. */
  choose(kind: Kind, deviceId: string): Promise<void> {
    this.chosen[kind].value = deviceId;
    this.#memory.remember(kind, deviceId);
    return this.#inTurn(async () => {
      if (!this.wanted[kind].peek()) return this.#drop(kind);
      // Some cameras can be opened only once, so the old one goes first.
      this.#drop(kind);
      await this.#open(kind);
    });
  }

  chooseSpeaker(deviceId: string): void {
    this.chosen.speaker.value = deviceId;
    this.#memory.remember("speaker", deviceId);
  }

  /** Lets go of everything. */
  stop(): void {
    this.#drop("camera");
    this.#drop("microphone");
  }

  /** Asks the browser what there is; names are told only after the person allowed a device once. */
  async list(): Promise<void> {
    this.all.value = (await navigator.mediaDevices?.enumerateDevices().catch(() => [])) ?? [];
  }

  // One change at a time: a second click while the browser still asks must not open a device twice.
  #inTurn(work: () => Promise<void>): Promise<void> {
    return (this.#pending = this.#pending.then(work, work));
  }

  async #openBoth(): Promise<boolean> {
    try {
      const stream = await this.#ask({ video: this.#constraints("camera"), audio: this.#constraints("microphone") });
      this.#keep("camera", stream.getVideoTracks()[0]);
      this.#keep("microphone", stream.getAudioTracks()[0]);
      await this.list();
      return true;
    } catch {
      return false; // one of them is at fault; asking for each alone tells which
    }
  }

  async #open(kind: Kind): Promise<void> {
    try {
      const constraints = this.#constraints(kind);
      const stream = await this.#ask(kind === "camera" ? { video: constraints } : { audio: constraints });
      this.#keep(kind, stream.getTracks()[0]);
    } catch (error) {
      this.trouble[kind].value = { kind, cause: error instanceof Error ? error.name : String(error) };
    }
    await this.list();
  }

  #ask(constraints: MediaStreamConstraints): Promise<MediaStream> {
    if (!navigator.mediaDevices) return Promise.reject(new DOMException("not a secure page", "insecure"));
    return navigator.mediaDevices.getUserMedia(constraints);
  }

  #constraints(kind: Kind): MediaTrackConstraints {
    const id = this.chosen[kind].peek();
    // "ideal": a device that was unplugged since is replaced by another one rather than refused.
    const device: MediaTrackConstraints = id === "" ? {} : { deviceId: { ideal: id } };
    if (kind === "microphone") return { ...device, echoCancellation: true, noiseSuppression: true, autoGainControl: true };
    const { width, height, frameRate } = this.#size;
    return { ...device, width: { ideal: width }, height: { ideal: height }, frameRate: { ideal: frameRate } };
  }

  #keep(kind: Kind, track: MediaStreamTrack | undefined): void {
    if (!track) return;
    if (!this.wanted[kind].peek() && kind === "camera") return track.stop();
    track.enabled = this.wanted[kind].peek();
    track.onended = () => {
      this.#drop(kind);
      this.trouble[kind].value = { kind, cause: "ended" };
      void this.list();
    };
    this.trouble[kind].value = undefined;
    this.tracks[kind].value = track;
  }

  #drop(kind: Kind): void {
    const track = this.tracks[kind].peek();
    if (track) {
      track.onended = null;
      track.stop();
    }
    this.tracks[kind].value = null;
  }

  /** The devices of one kind that can be named to a person. */
  named(kind: Kind | "speaker"): MediaDeviceInfo[] {
    const wanted: MediaDeviceKind = kind === "speaker" ? "audiooutput" : labels[kind];
    return this.all.value.filter((d) => d.kind === wanted && d.deviceId !== "");
  }
}

/** Whether this browser can play sound on a speaker of choice. */
export const canChooseSpeaker = typeof HTMLMediaElement !== "undefined" && "setSinkId" in HTMLMediaElement.prototype;

/** Whether this browser can share a screen; phones cannot. */
export const canShareScreen = typeof navigator !== "undefined" && "mediaDevices" in navigator && "getDisplayMedia" in navigator.mediaDevices;
