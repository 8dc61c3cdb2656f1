// One RTCPeerConnection that receives and sends sound or picture: its candidates, its
// death and its counters. Who offers is for its heirs.

import type { Counters, Sample } from "./quality.ts";

/** A place where a connection may be reached, as far as servers are told of it. */
export interface Candidate {
  candidate: string;
  sdpMid: string;
  sdpMLineIndex: number;
}

/** What the rest of a page needs of a connection; tests put something simpler in its place. */
export interface Peer {
  /** May be called at any time; what comes before the other side has described itself is kept until then. */
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

export abstract class RtcPeer implements Peer {
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

  /** To be called when the other side has described itself. */
  protected met(): void {
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
      // Of a connection that does both, what is received is judged: that is what the person hears.
      if (r.kind !== "audio" || !sample.audio) put(r.kind, { packets: Math.max(0, sent - lost), lost, jitterMs: (r.jitter ?? 0) * 1000 });
      if (r.roundTripTime !== undefined) sample.rttMs = r.roundTripTime * 1000;
    } else if (r.type === "candidate-pair" && r.nominated && r.state === "succeeded" && r.currentRoundTripTime !== undefined) {
      sample.rttMs ??= r.currentRoundTripTime * 1000;
    }
  });
  return sample;
}
