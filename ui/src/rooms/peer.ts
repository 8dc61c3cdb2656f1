// One RTCPeerConnection: sending one stream, or receiving one. The page always
// offers, the server always answers, and a connection is never negotiated twice.

import { shrink, type SendLimit } from "./limits.ts";
import type { Counters, Sample } from "./quality.ts";
import type { Candidate } from "./wire.ts";

/** What the rest of the page needs of a connection; tests put something simpler in its place. */
export interface Peer {
  /** Makes the offer and starts to look for candidates. */
  offer(): Promise<string>;
  accept(sdpAnswer: string): Promise<void>;
  /** May be called at any time; what comes before the answer is kept for it. */
  addCandidate(candidate: Candidate): void;
  /** Resolves when the connection has failed or was ended by the server; true if it had worked before. */
  readonly dead: Promise<boolean>;
  /** The counters of now. */
  sample(): Promise<Sample>;
  close(): void;
}

export type OnCandidate = (candidate: Candidate) => void;

/** How long a connection may be silent before it is given up; shorter gaps heal by themselves. */
const patienceMs = 5000;

abstract class RtcPeer implements Peer {
  readonly dead: Promise<boolean>;
  protected readonly pc: RTCPeerConnection;

  #die!: (worked: boolean) => void;
  #worked = false;
  #early: Candidate[] | undefined = [];
  #silence: ReturnType<typeof setTimeout> | undefined;

  constructor(iceServers: RTCIceServer[], onCandidate: OnCandidate) {
    this.dead = new Promise((resolve) => (this.#die = resolve));
    this.pc = new RTCPeerConnection({ iceServers, bundlePolicy: "max-bundle" });
    this.pc.onicecandidate = ({ candidate }) => {
      if (!candidate?.candidate) return;
      const { sdpMid, sdpMLineIndex } = candidate;
      onCandidate({ candidate: candidate.candidate, sdpMid: sdpMid ?? "0", sdpMLineIndex: sdpMLineIndex ?? 0 });
    };
    this.pc.onconnectionstatechange = () => this.#follow();
  }

  async offer(): Promise<string> {
    await this.pc.setLocalDescription();
    return this.pc.localDescription?.sdp ?? "";
  }

  async accept(sdpAnswer: string): Promise<void> {
    await this.pc.setRemoteDescription({ type: "answer", sdp: sdpAnswer });
    const early = this.#early ?? [];
    this.#early = undefined;
    for (const candidate of early) this.addCandidate(candidate);
    const transport = this.pc.getTransceivers()[0]?.receiver.transport;
    // A server that lets go says so in DTLS, which browsers do not show in connectionState.
    transport?.addEventListener("statechange", () => {
      if (transport.state === "closed" || transport.state === "failed") this.#die(this.#worked);
    });
  }

  addCandidate(candidate: Candidate): void {
    if (this.#early) {
      this.#early.push(candidate);
    } else if (this.pc.signalingState !== "closed") {
      // Candidates of an earlier connection of the same name may arrive late; they fit nothing and do no harm.
      this.pc.addIceCandidate(candidate).catch(() => undefined);
    }
  }

  async sample(): Promise<Sample> {
    return readSample(await this.pc.getStats());
  }

  close(): void {
    clearTimeout(this.#silence);
    this.pc.onicecandidate = this.pc.onconnectionstatechange = null;
    this.pc.close();
    this.#die(this.#worked);
  }

  #follow(): void {
    clearTimeout(this.#silence);
    switch (this.pc.connectionState) {
      case "connected":
        this.#worked = true;
        break;
      case "disconnected":
        this.#silence = setTimeout(() => this.#die(this.#worked), patienceMs);
        break;
      case "failed":
      case "closed":
        this.#die(this.#worked);
        break;
    }
  }
}

/** What a publication sends; either may be absent and may come later. */
export interface Source {
  audio: MediaStreamTrack | null;
  video: MediaStreamTrack | null;
}

export interface SendingPeer extends Peer {
  replace(source: Source): Promise<void>;
  limit(limit: SendLimit): Promise<void>;
}

/** Sends one stream. It always offers sound and picture, so that either can be added later without a new connection. */
export class Publisher extends RtcPeer implements SendingPeer {
  #audio: RTCRtpSender;
  #video: RTCRtpSender;

  constructor(source: Source, limit: SendLimit, iceServers: RTCIceServer[], onCandidate: OnCandidate) {
    super(iceServers, onCandidate);
    const streams = [new MediaStream()]; // one id for both, so that receivers play them in step
    this.#audio = this.pc.addTransceiver(source.audio ?? "audio", { direction: "sendonly", streams }).sender;
    this.#video = this.pc.addTransceiver(source.video ?? "video", {
      direction: "sendonly",
      streams,
      sendEncodings: [{ maxBitrate: limit.maxBitrate, scaleResolutionDownBy: shrink(heightOf(source.video), limit) }],
    }).sender;
  }

  async replace(source: Source): Promise<void> {
    await Promise.all([this.#audio.replaceTrack(source.audio), this.#video.replaceTrack(source.video)]);
  }

  async limit(limit: SendLimit): Promise<void> {
    const parameters = this.#video.getParameters();
    const encoding = parameters.encodings[0];
    if (!encoding) return; // not negotiated yet: the connection was opened with its limit
    encoding.maxBitrate = limit.maxBitrate;
    encoding.scaleResolutionDownBy = shrink(heightOf(this.#video.track), limit);
    await this.#video.setParameters(parameters);
  }
}

function heightOf(track: MediaStreamTrack | null): number | undefined {
  return track?.getSettings().height;
}

export interface ReceivingPeer extends Peer {
  readonly audio: MediaStreamTrack;
  readonly video: MediaStreamTrack;
  /** The loudness of what is heard just now, 0 to 1; undefined where the browser does not tell. */
  level(): number | undefined;
}

/** Receives one stream. */
export class Subscriber extends RtcPeer implements ReceivingPeer {
  readonly audio: MediaStreamTrack;
  readonly video: MediaStreamTrack;
  #receiver: RTCRtpReceiver;

  constructor(iceServers: RTCIceServer[], onCandidate: OnCandidate) {
    super(iceServers, onCandidate);
    this.#receiver = this.pc.addTransceiver("audio", { direction: "recvonly" }).receiver;
    this.audio = this.#receiver.track;
    this.video = this.pc.addTransceiver("video", { direction: "recvonly" }).receiver.track;
  }

  level(): number | undefined {
    const source = this.#receiver.getSynchronizationSources()[0];
    // An old reading means that nothing has arrived since.
    if (!source || source.timestamp < performance.timeOrigin + performance.now() - 1000) return undefined;
    return source.audioLevel;
  }
}

/** The fields used here of the standard's statistics, which TypeScript's own types leave out. */
interface Report {
  type: string;
  kind?: string;
  packetsReceived?: number;
  packetsSent?: number;
  packetsLost?: number;
  jitter?: number;
  framesDecoded?: number;
  totalFreezesDuration?: number;
  totalAudioEnergy?: number;
  totalSamplesDuration?: number;
  localId?: string;
  roundTripTime?: number;
  currentRoundTripTime?: number;
  nominated?: boolean;
  state?: string;
}

/** Boils the browser's report down to what is judged. For what is sent, loss and jitter are those the server reports back. */
export function readSample(stats: { forEach(each: (report: Report, id: string) => void): void; get(id: string): Report | undefined }): Sample {
  const sample: Sample = { at: performance.now() };
  const put = (kind: string | undefined, counters: Counters): void => {
    if (kind === "audio" || kind === "video") sample[kind] = counters;
  };
  stats.forEach((r) => {
    if (r.type === "inbound-rtp") {
      put(r.kind, {
        packets: r.packetsReceived ?? 0,
        lost: r.packetsLost ?? 0,
        jitterMs: (r.jitter ?? 0) * 1000,
        frames: r.framesDecoded ?? 0,
        frozenMs: (r.totalFreezesDuration ?? 0) * 1000,
        energy: r.totalAudioEnergy ?? 0,
        seconds: r.totalSamplesDuration ?? 0,
      });
    } else if (r.type === "remote-inbound-rtp") {
      const sent = (r.localId && stats.get(r.localId)?.packetsSent) || 0;
      const lost = r.packetsLost ?? 0;
      put(r.kind, { packets: Math.max(0, sent - lost), lost, jitterMs: (r.jitter ?? 0) * 1000 });
      if (r.roundTripTime !== undefined) sample.rttMs = r.roundTripTime * 1000;
    } else if (r.type === "candidate-pair" && r.nominated && r.state === "succeeded" && r.currentRoundTripTime !== undefined) {
      sample.rttMs ??= r.currentRoundTripTime * 1000;
    }
  });
  return sample;
}
