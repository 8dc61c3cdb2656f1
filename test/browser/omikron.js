// A client of Tensamin as its web pages of 2025 were, written from what is known of them: chat and presence on one socket,
// and for each call another, over which members signal connections to each other. Era 0 encrypts what it signals with the
// secret of the call and shows it as a hash; era 1 does neither.
window.client = (() => {
  const text = new TextEncoder();
  const hex = (buffer) => [...new Uint8Array(buffer)].map((b) => b.toString(16).padStart(2, "0")).join("");
  const sha256 = async (s) => hex(await crypto.subtle.digest("SHA-256", text.encode(s)));
  const base64 = (bytes) => btoa(String.fromCharCode(...bytes));
  const bytes = (s) => Uint8Array.from(atob(s), (c) => c.charCodeAt(0));
  const pause = (ms) => new Promise((done) => setTimeout(done, ms));

  let options; // { base, user, hash, era }
  let socket; // of chat and presence
  const waiting = {};
  const c = { log: [], heard: [], rings: [], states: {}, chats: [], logins: 0, call: null };

  // ---- chat and presence

  function request(type, data, over = socket) {
    const id = crypto.randomUUID();
    const asked = new Promise((resolve, reject) => {
      waiting[id] = resolve;
      setTimeout(() => reject(new Error(`${type}: no answer`)), 10000);
    });
    say(over, { id, type, data });
    return asked;
  }
  function say(over, message) {
    if (options.era === 0) message.log = { message: "", log_level: 0 };
    if (over.readyState === WebSocket.OPEN) over.send(JSON.stringify(message));
  }
  // open dials, identifies, and dials again when the connection is gone or the server says no.
  function open(path, identification, events, identified, wanted) {
    const ws = new WebSocket(options.base + path);
    const again = () => wanted() && setTimeout(() => open(path, identification, events, identified, wanted), 500);
    ws.onclose = again;
    ws.onopen = async () => {
      const answer = await request("identification", await identification(), ws).catch((err) => ({ type: "error", log: { message: err.message } }));
      if (answer.type === "identification_response") identified(ws, answer);
      else {
        c.log.push(`${path}: ${answer.type}: ${answer.log.message}`);
        ws.close();
      }
    };
    ws.onmessage = (event) => {
      const m = JSON.parse(event.data);
      void m.log.message; // clients of era 0 fail without
      if (waiting[m.id]) {
        waiting[m.id](m);
        delete waiting[m.id];
      } else events[m.type]?.(m.data, ws);
    };
    if (path === "/ws/call/") c.call.dialled.push(ws);
    else socket = ws;
  }
  c.login = (o) => {
    options = o;
    return new Promise((done) => open("/ws/client/", () => ({ user_id: o.user, private_key_hash: o.hash }), {
      get_states: (data) => (c.states = data.user_states),
      client_changed: (data) => (c.states[data.user_id] = data.user_state),
      message_live: (data) => c.heard.push(`${data.sender_id}: ${data.message}`),
      new_call: (data) => c.rings.push(data),
    }, async () => {
      // Who comes again does not ask for the chats again.
      if (++c.logins === 1) c.chats = (await request("get_chats", {})).data.user_ids;
      say(socket, { id: crypto.randomUUID(), type: "ping", data: { last_ping: Date.now() } });
      done(true);
    }, () => true));
  };
  c.say = async (to, content) => (await request(options.era === 0 ? "message" : "message_send",
    options.era === 0 ? { receiver_id: to, message_content: content } : { receiver_id: to, content })).type;
  c.state = async (state) => (await request("client_changed", { user_state: state })).type;
  c.history = async (partner) => options.era === 0
    ? (await request("message_get", { chat_partner_id: partner, loaded_messages: 0, message_amount: 50 })).data.message_chunk.map((m) => m.message_content)
    : (await request("messages_get", { user_id: partner, amount: 50, offset: 0 })).data.messages.map((m) => m.content);
  c.cut = () => socket.close();

  // ---- calls

  const key = async (secret) => crypto.subtle.importKey("raw", await crypto.subtle.digest("SHA-256", text.encode(secret)), "AES-CBC", false, ["encrypt", "decrypt"]);
  async function seal(value) {
    if (options.era === 1) return value;
    const iv = crypto.getRandomValues(new Uint8Array(16));
    const sealed = await crypto.subtle.encrypt({ name: "AES-CBC", iv }, await key(c.call.secret), text.encode(JSON.stringify(value)));
    return base64(new Uint8Array([...iv, ...new Uint8Array(sealed)]));
  }
  async function unseal(payload) {
    if (options.era === 1) return payload;
    const all = bytes(payload);
    return JSON.parse(new TextDecoder().decode(await crypto.subtle.decrypt({ name: "AES-CBC", iv: all.slice(0, 16) }, await key(c.call.secret), all.slice(16))));
  }

  // join enters a call. Who is there already calls; one answers.
  c.join = (id, secret) => {
    c.call = { id, secret, members: {}, voices: {}, screens: {}, dialled: [], microphone: null, screen: null, chain: Promise.resolve() };
    const mine = c.call;
    const identification = async () => {
      mine.microphone ??= await navigator.mediaDevices.getUserMedia({ audio: true });
      const data = { call_id: id, user_id: options.user, private_key_hash: options.hash };
      if (options.era === 0) data.call_secret_sha = await sha256(secret);
      return data;
    };
    // One after the other, since a candidate is of no use before its offer.
    const inTurn = (f) => (data, ws) => (mine.chain = mine.chain.then(() => f(data, ws)).catch((err) => c.log.push(String(err))));
    return new Promise((done) => open("/ws/call/", identification, {
      client_connected: inTurn(async (data, ws) => {
        mine.members[data.user_id] = { state: data.call_state, streaming: false };
        const peer = connect(mine, ws, data.user_id, false);
        await peer.setLocalDescription();
        await signal(ws, data.user_id, peer.localDescription, {});
      }),
      client_closed: inTurn((data) => {
        delete mine.members[data.user_id];
        hang(mine, data.user_id);
      }),
      client_changed: inTurn((data) => Object.assign(mine.members[data.user_id], { state: data.call_state })),
      start_stream: inTurn((data) => (mine.members[data.user_id].streaming = true)),
      end_stream: inTurn((data) => {
        mine.members[data.user_id].streaming = false;
        drop(mine.screens, data.user_id);
      }),
      watch_stream: inTurn(async (data, ws) => {
        const { sender_id: from, want_to_watch: asks } = data;
        if (!asks) return;
        say(ws, { type: "watch_stream", data: { receiver_id: from, want_to_watch: false } });
        const peer = connect(mine, ws, from, true, mine.screen);
        await peer.setLocalDescription();
        await signal(ws, from, peer.localDescription, { screen_share: true, watcher: false });
      }),
      webrtc_sdp: inTurn(async (data, ws) => {
        const description = await unseal(data.payload);
        const screen = !!data.screen_share;
        if (description.type === "answer") return (screen ? mine.screens : mine.voices)[data.sender_id].setRemoteDescription(description);
        const peer = connect(mine, ws, data.sender_id, screen);
        await peer.setRemoteDescription(description);
        await peer.setLocalDescription();
        await signal(ws, data.sender_id, peer.localDescription, screen ? { screen_share: true, watcher: true } : {});
      }),
      webrtc_ice: inTurn(async (data) => {
        const peer = (data.screen_share ? mine.screens : mine.voices)[data.sender_id];
        await peer?.addIceCandidate(await unseal(data.payload));
      }),
    }, (ws, answer) => {
      const roster = options.era === 0 ? answer.data.user_states : answer.data.about;
      mine.socket = ws;
      Object.keys(mine.voices).forEach((user) => hang(mine, user)); // who comes again is called again
      mine.members = {};
      for (const [user, member] of Object.entries(roster)) if (user !== options.user) mine.members[user] = { ...member };
      mine.joins = (mine.joins ?? 0) + 1;
      done(true);
    }, () => c.call === mine));
  };
  async function signal(ws, to, payload, more) {
    const kind = payload.sdp ? "webrtc_sdp" : "webrtc_ice";
    say(ws, { type: kind, data: { receiver_id: to, payload: await seal(payload.toJSON()), ...more } });
  }
  function drop(all, user) {
    all[user]?.close();
    delete all[user];
  }
  function hang(call, user) {
    drop(call.voices, user);
    drop(call.screens, user);
    document.querySelector(`video[data-user="${user}"]`)?.remove();
  }
  function connect(call, ws, user, screen, stream) {
    const all = screen ? call.screens : call.voices;
    drop(all, user);
    const peer = (all[user] = new RTCPeerConnection());
    const send = screen ? stream : call.microphone;
    send?.getTracks().forEach((track) => peer.addTrack(track, send));
    peer.onicecandidate = ({ candidate }) => candidate?.candidate && signal(ws, user, candidate, screen ? { screen_share: true, watcher: !stream } : {});
    peer.ontrack = ({ streams: [s] }) => {
      const kind = screen ? "video" : "audio";
      const old = document.querySelector(`${kind}[data-user="${user}"]`);
      const element = old ?? document.body.appendChild(document.createElement(kind));
      Object.assign(element, { autoplay: true, srcObject: s });
      element.dataset.user = user;
    };
    return peer;
  }
  // ring begins a call, or goes on with the one there is, and asks somebody to it.
  c.ring = async (user) => {
    if (!c.call) await c.join(crypto.randomUUID(), hex(crypto.getRandomValues(new Uint8Array(16))));
    const data = { receiver_id: user, call_id: c.call.id, call_secret: c.call.secret };
    if (options.era === 0) data.call_secret_sha = await sha256(c.call.secret);
    return (await request("call_invite", data)).type;
  };
  c.accept = () => {
    const ring = c.rings.pop();
    return c.join(ring.call_id, ring.call_secret);
  };
  c.share = async () => {
    const canvas = document.body.appendChild(document.createElement("canvas"));
    const draw = canvas.getContext("2d");
    let n = 0;
    setInterval(() => (draw.fillStyle = `hsl(${n++ % 360} 90% 50%)`, draw.fillRect(0, 0, canvas.width, canvas.height)), 50);
    c.call.screen = canvas.captureStream(15);
    say(c.call.socket, { type: "start_stream", data: {} });
    return true;
  };
  c.endShare = () => {
    say(c.call.socket, { type: "end_stream", data: {} });
    Object.keys(c.call.screens).forEach((user) => drop(c.call.screens, user));
    c.call.screen = null;
    return true;
  };
  c.watch = (user) => say(c.call.socket, { type: "watch_stream", data: { receiver_id: user, want_to_watch: true } }) ?? true;
  c.picture = (user) => document.querySelector(`video[data-user="${user}"]`);
  c.hangUp = () => {
    const { socket: ws, voices } = c.call;
    c.call = null; // others close the connections when they hear of it; era 0 does not close its own
    ws.close();
    setTimeout(() => Object.values(voices).forEach((peer) => peer.close()), 3000);
    return true;
  };
  c.cutCall = () => c.call.socket.close() ?? true;

  // hears tells whether sound of a member has come in since this was asked first on the same connection.
  const marks = {};
  c.hears = async (user) => {
    const peer = c.call?.voices[user];
    if (peer?.connectionState !== "connected") return false;
    let energy = 0;
    (await peer.getStats()).forEach((r) => {
      if (r.type === "inbound-rtp" && r.kind === "audio") energy += r.totalAudioEnergy ?? 0;
    });
    if (marks[user]?.peer !== peer) marks[user] = { peer, energy };
    return energy > marks[user].energy + 1e-5;
  };
  c.pause = pause;
  return c;
})();
