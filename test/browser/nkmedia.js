// A page that speaks the protocol by hand, as the application of somebody who drives media would. What it sends is a tone
// and a picture of one colour: those of its address, ?hertz=500&colour=red.
window.client = (() => {
  const wanted = new URLSearchParams(location.search);
  const log = [];
  const sessions = {};
  const waiting = new Map();
  let socket, tids = 0, invited, gain;

  const send = (message) => socket.send(JSON.stringify(message));

  // request gives the data of the reply.
  function request(className, subclass, cmd, data) {
    const tid = ++tids;
    send({ class: className, subclass, cmd, data, tid });
    return new Promise((done, failed) => waiting.set(tid, { done, failed }));
  }

  const media = (cmd, data) => request("media", "session", cmd, data);

  function receive(message) {
    if (message.result) {
      const { done, failed } = waiting.get(message.tid);
      waiting.delete(message.tid);
      if (message.result === "ok") done(message.data ?? {});
      else failed(new Error(`${message.data.code} ${message.data.error}`));
    } else if (message.cmd) {
      send({ result: "ok", tid: message.tid });
      if (message.cmd === "event") happened(message.data);
      if (message.cmd === "invite") invited = message.data;
    }
  }

  function happened(event) {
    log.push([event.subclass, event.type, event.obj_id, event.body?.reason].filter(Boolean).join(" "));
    const session = Object.values(sessions).find((s) => s.id === event.obj_id);
    if (session && event.type === "answer") {
      session.peer.setRemoteDescription({ type: "answer", sdp: event.body.answer.sdp });
    }
  }

  // The tone, which begins silent, and the picture.
  function capture() {
    const context = new AudioContext();
    const tone = new OscillatorNode(context, { frequency: Number(wanted.get("hertz")) });
    const out = context.createMediaStreamDestination();
    gain = new GainNode(context, { gain: 0 });
    tone.connect(gain).connect(out);
    tone.start();
    const canvas = document.createElement("canvas");
    canvas.width = 320;
    canvas.height = 180;
    const draw = canvas.getContext("2d");
    setInterval(() => {
      draw.fillStyle = wanted.get("colour");
      draw.fillRect(0, 0, 320, 180);
      draw.fillStyle = "black"; // something moves, so that there are frames to send
      draw.fillRect((Date.now() / 20) % 320, 0, 4, 8);
    }, 66);
    const stream = canvas.captureStream(15);
    stream.addTrack(out.stream.getAudioTracks()[0]);
    return stream;
  }
  let captured;

  function connection(name, sends) {
    const peer = new RTCPeerConnection();
    const video = document.createElement("video");
    video.autoplay = true;
    video.srcObject = new MediaStream();
    document.body.append(video);
    peer.addEventListener("track", (e) => video.srcObject.addTrack(e.track));
    if (sends) {
      captured ??= capture();
      captured.getTracks().forEach((track) => peer.addTrack(track, captured));
    }
    return (sessions[name] = { peer, video });
  }

  const colours = { red: [255, 0, 0], green: [0, 128, 0], blue: [0, 0, 255] };

  return {
    log,
    told: (text) => log.some((line) => line.startsWith(text)),
    id: (name) => sessions[name].id,
    invitation: () => invited ?? null,

    async connect(url, user, pass) {
      socket = new WebSocket(url);
      socket.addEventListener("message", (e) => receive(JSON.parse(e.data)));
      await new Promise((done, failed) => {
        socket.addEventListener("open", done);
        socket.addEventListener("error", failed);
      });
      return (await request("core", "user", "login", { user, pass })).session_id;
    },

    // offer starts a session whose description begins here; its answer may come later.
    async offer(name, data) {
      const session = connection(name, true);
      await session.peer.setLocalDescription(await session.peer.createOffer());
      const reply = await media("start", { ...data, offer: { sdp: session.peer.localDescription.sdp, caller_name: name } });
      session.id = reply.session_id;
      session.room = reply.room;
      if (reply.answer) await session.peer.setRemoteDescription({ type: "answer", sdp: reply.answer.sdp });
      return session.id;
    },

    // take starts a session that the server offers.
    async take(name, data) {
      const session = connection(name, false);
      const reply = await media("start", data);
      session.id = reply.session_id;
      await session.peer.setRemoteDescription({ type: "offer", sdp: reply.offer.sdp });
      await session.peer.setLocalDescription(await session.peer.createAnswer());
      await media("set_answer", { session_id: session.id, answer: { sdp: session.peer.localDescription.sdp } });
      return session.id;
    },

    room: (name) => sessions[name].room,

    async call(name, user) {
      return (await request("media", "call", "start", { type: "user", user, session_id: sessions[name].id })).call_id;
    },

    // dial has the server carry the call: the session is answered when somebody has accepted.
    async dial(name, callee) {
      const session = connection(name, true);
      await session.peer.setLocalDescription(await session.peer.createOffer());
      const offer = { sdp: session.peer.localDescription.sdp, caller_name: name };
      session.id = (await request("media", "call", "create", { callee, offer })).call_id;
      return session.id;
    },

    // accept answers the invitation as the published page has it: by an event.
    async accept(name) {
      const session = connection(name, true);
      await session.peer.setRemoteDescription({ type: "offer", sdp: invited.offer.sdp });
      await session.peer.setLocalDescription(await session.peer.createAnswer());
      await request("core", undefined, "event", { class: "media", subclass: "call", type: "accepted", obj_id: invited.call_id,
        body: { answer: { sdp: session.peer.localDescription.sdp } } });
      return invited.offer.caller_name;
    },

    async hangup(callID) {
      await request("media", "call", "hangup", { call_id: callID });
      return true;
    },

    async update(name, data) {
      await media("update", { ...data, session_id: sessions[name].id });
      return true;
    },

    async stop(name) {
      await media("stop", { session_id: sessions[name].id });
      return true;
    },

    speak(on) {
      gain.gain.value = on ? 0.25 : 0; // as loud as tones.js takes for granted
      return on;
    },

    video: (name) => sessions[name].video,

    // The colour that a session shows; empty while it shows none.
    colour(name) {
      const video = sessions[name].video;
      if (!video.videoWidth) return "";
      const canvas = document.createElement("canvas");
      [canvas.width, canvas.height] = [16, 9];
      const draw = canvas.getContext("2d");
      draw.drawImage(video, 0, 0, 16, 9);
      const [r, g, b] = draw.getImageData(8, 5, 1, 1).data;
      const near = Object.entries(colours).find(([, c]) => Math.hypot(c[0] - r, c[1] - g, c[2] - b) < 110);
      return near?.[0] ?? `${r},${g},${b}`;
    },
  };
})();
