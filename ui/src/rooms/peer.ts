// A connection of a room: sending one stream, or receiving one. The page always
// offers, the server always answers, and a connection is never negotiated twice.

import { RtcPeer, type OnCandidate, type Peer } from "../shared/peer.ts";
import { shrink, type SendLimit } from "./limits.ts";

/** A connection that makes the offer. */
export interface OfferingPeer extends Peer {
  /** Makes the offer and starts to look for candidates. */
  offer(): Promise<string>;
  accept(sdpAnswer: string): Promise<void>;
}

abstract class Offering extends RtcPeer implements OfferingPeer {
  async offer(): Promise<string> {
    await this.pc.setLocalDescription();
    return this.pc.localDescription?.sdp ?? "";
  }

  async accept(sdpAnswer: string): Promise<void> {
    await this.pc.setRemoteDescription({ type: "answer", sdp: sdpAnswer });
    this.met();
  }
}

/** What a publication sends; either may be absent and may come later. */
export interface Source {
  audio: MediaStreamTrack | null;
  video: MediaStreamTrack | null;
}

export interface SendingPeer extends OfferingPeer {
  replace(source: Source): Promise<void>;
  limit(limit: SendLimit): Promise<void>;
}

/** Sends one stream. It always offers sound and picture, so that either can be added later without a new connection. */
export class Publisher extends Offering implements SendingPeer {
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

export interface ReceivingPeer extends OfferingPeer {
  readonly audio: MediaStreamTrack;
  readonly video: MediaStreamTrack;
  /** The loudness of what is heard just now, 0 to 1; undefined where the browser does not tell. */
  level(): number | undefined;
}

/** Receives one stream. */
export class Subscriber extends Offering implements ReceivingPeer {
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
