// The one connection that carries the person's voice to the server and, mixed to one,
// the voices of all loops back. The server offers, the page answers, once.

import { RtcPeer, type OnCandidate, type Peer } from "../shared/peer.ts";

/** What the rest of the page needs of the connection; tests put something simpler in its place. */
export interface VoicePeer extends Peer {
  /** What is heard. */
  readonly sound: MediaStream;
  answer(sdpOffer: string): Promise<string>;
  /** Lets what comes in be heard, or not. */
  hear(on: boolean): void;
  /** Sends this microphone from now on; none sends nothing. */
  send(microphone: MediaStreamTrack | null): Promise<void>;
}

export class Voice extends RtcPeer implements VoicePeer {
  readonly sound = new MediaStream();
  #microphone: MediaStreamTrack | null = null;
  #heard = true;
  #sender: RTCRtpSender | undefined;

  constructor(iceServers: RTCIceServer[], onCandidate: OnCandidate) {
    super(iceServers, onCandidate);
    this.pc.ontrack = ({ track }) => {
      track.enabled = this.#heard;
      this.sound.addTrack(track);
    };
  }

  hear(on: boolean): void {
    this.#heard = on;
    for (const track of this.sound.getTracks()) track.enabled = on;
  }

  async answer(sdpOffer: string): Promise<string> {
    await this.pc.setRemoteDescription({ type: "offer", sdp: sdpOffer });
    const transceiver = this.pc.getTransceivers().find((t) => t.receiver.track.kind === "audio");
    if (!transceiver) throw new Error("the server offers no sound");
    // Even without a microphone: one may be plugged in later, and there is no second answer.
    transceiver.direction = "sendrecv";
    this.#sender = transceiver.sender;
    await this.#sender.replaceTrack(this.#microphone);
    await this.pc.setLocalDescription();
    this.met();
    return this.pc.localDescription?.sdp ?? "";
  }

  async send(microphone: MediaStreamTrack | null): Promise<void> {
    this.#microphone = microphone;
    await this.#sender?.replaceTrack(microphone);
  }
}
