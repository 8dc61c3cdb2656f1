// Watches what a page receives. It is put into pages before their own scripts, and
// only looks: the page runs as it would without.
(() => {
  const peers = [];
  const Real = window.RTCPeerConnection;
  window.RTCPeerConnection = class extends Real {
    constructor(...args) {
      super(...args);
      this.described = 0;
      peers.push(this);
    }
    setLocalDescription(...args) {
      this.described++;
      return super.setLocalDescription(...args);
    }
  };

  const marks = new Map();

  // Counters of the connection that a video element plays from.
  async function received(video) {
    const stream = video?.srcObject;
    const track = stream?.getVideoTracks()[0] ?? stream?.getAudioTracks()[0];
    const peer = track ? peers.findIndex((p) => p.getReceivers().some((r) => r.track === track)) : -1;
    if (peer < 0) return null;
    const counters = { peer, state: peers[peer].connectionState, frames: 0, packets: 0, energy: 0 };
    (await peers[peer].getStats()).forEach((r) => {
      if (r.type !== "inbound-rtp") return;
      counters.packets += r.packetsReceived;
      if (r.kind === "video") counters.frames += r.framesDecoded;
      else counters.energy += r.totalAudioEnergy ?? 0;
    });
    return counters;
  }

  window.watch = {
    opened: () => peers.length,

    // How often the connection that was negotiated most was negotiated.
    negotiated: () => Math.max(0, ...peers.map((p) => p.described)),
    received,

    // Whether pictures, and sound where asked for, have come in since the first time this was asked for that name.
    async flows(name, video, sound) {
      const now = await received(video);
      if (!now) return false;
      const before = marks.get(name);
      if (!before || before.peer !== now.peer) {
        marks.set(name, now);
        return false;
      }
      return now.frames >= before.frames + 10 && (!sound || now.energy > before.energy + 1e-5);
    },

    // The same for sound alone.
    async sounds(name, element) {
      const now = await received(element);
      const before = marks.get(name);
      if (now && before?.peer !== now.peer) marks.set(name, now);
      return !!now && before?.peer === now.peer && now.energy > before.energy + 1e-5;
    },

    // What each connection is willing to send of pictures, in bit/s.
    async willing() {
      const rates = [];
      for (const peer of peers) {
        (await peer.getStats()).forEach((r) => {
          if (r.type === "outbound-rtp" && r.kind === "video" && r.targetBitrate) rates.push(r.targetBitrate);
        });
      }
      return rates;
    },

    // What there is to know about each picture on the page, for a person who looks for a mistake.
    async tell() {
      const lines = [];
      for (const video of document.querySelectorAll("video")) {
        const place = video.closest("[aria-label], [data-user]");
        lines.push(JSON.stringify({ label: place?.getAttribute("aria-label"), ...place?.dataset, ...(await received(video)) }));
      }
      return lines.join("\n");
    },

    // Begins to count anew.
    forget: () => marks.clear(),
  };
})();
