// A page around rtc-lib, as an application would write it: everybody one meets is seen and can be written to.
window.client = (() => {
  let calling;
  let room;
  const log = [];
  const channels = {};

  // meet connects to everybody who is or comes into the room.
  function meet(entered) {
    room = entered;
    room.local.addStream({ audio: true, video: { width: 320, height: 180 } });
    room.local.addDataChannel("chat", { ordered: true });
    const greet = (peer, id) => {
      const video = document.createElement("video");
      video.autoplay = true;
      video.dataset.user = id;
      document.body.append(video);
      peer.stream().then((stream) => (video.srcObject = stream.stream), (err) => log.push(`no stream: ${err}`));
      peer.channel("chat").then(async (channel) => {
        await channel.connect();
        channels[id] = channel;
        channel.on("error", (err) => log.push(`channel: ${err}`)); // the other closes it by leaving
        channel.on("message", (data) => log.push(`${id}: ${new TextDecoder().decode(data)}`));
      }, (err) => log.push(`no channel: ${err}`));
      peer.on("message", (data) => log.push(`${id} by the server: ${data.text}`));
      peer.on("left", () => {
        video.remove();
        delete channels[id];
      });
      peer.connect().catch((err) => log.push(`no connection: ${err}`));
    };
    room.on("peer_joined", greet);
    Object.entries(room.peers).forEach(([id, peer]) => greet(peer, id));
    return room.connect();
  }

  return {
    log,
    channels,
    video: (id) => document.querySelector(`video[data-user="${id}"]`),
    people: () => Object.keys(room.peers),
    told: (text) => log.includes(text),

    // connect gives the id under which others know this page.
    async connect(url) {
      calling = new rtc.Calling(new rtc.WebSocketChannel(url), {}, { remotePing: 30000 });
      calling.on("invitation", (invited) => meet(invited).catch((err) => log.push(`not come: ${err}`)));
      await calling.connect();
      return calling.id;
    },
    async join(name) {
      await meet(calling.room(name));
      return room.signaling.id;
    },
    async register(namespace) {
      await calling.register(namespace);
      return true;
    },
    // inviteAll invites everybody who is registered, and tells how many came.
    async inviteAll(namespace) {
      const people = await calling.subscribe(namespace);
      const others = Object.keys(people.users).filter((id) => id !== calling.id);
      const answers = await Promise.all(others.map(async (id) => (await room.invite(id, { from: namespace })).response()));
      return answers.filter((came) => came).length;
    },
    say: (id, text) => channels[id].send(new TextEncoder().encode(text).buffer),
    sayByServer: (id, text) => room.peers[id].message({ text }),
    async leave() {
      await room.signaling.close();
      return true;
    },
  };
})();
