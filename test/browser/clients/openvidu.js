// A page around openvidu-browser as it comes from npm: what the test asks of it, in
// the words of that library. `log` keeps what it told us.
import "./compat.js";
import { OpenVidu } from "openvidu-browser";

const log = [];

window.client = {
  log,
  told: (event, who) => log.some((l) => l.event === event && (who === undefined || l.who === who)),
  video: (user) => document.querySelector(`[data-user="${user}"] video`),

  /** Joins and publishes. Resolves with what the library said went wrong, or null. */
  join(server, room, user) {
    const library = (this.library = new OpenVidu(server));
    const session = (this.session = library.initSession(room));
    this.room = room;
    this.user = user;
    session.addEventListener("stream-added", ({ stream }) => show(stream));
    session.addEventListener("stream-removed", ({ stream }) => hide(stream));
    session.addEventListener("stream-published", () => log.push({ event: "published" }));
    session.addEventListener("participant-joined", ({ participant }) => log.push({ event: "joined", who: participant.getId() }));
    session.addEventListener("participant-left", ({ participant }) => log.push({ event: "left", who: participant.getId() }));
    session.addEventListener("newMessage", ({ user: who, message }) => log.push({ event: "message", who, message }));
    session.addEventListener("error-media", ({ error }) => log.push({ event: "error", error }));
    session.addEventListener("lost-connection", () => log.push({ event: "lost" }));
    const video = { width: 320, height: 180 };
    const camera = (this.camera = library.getCamera({ audio: true, video: true, data: false, mediaConstraints: { audio: true, video } }));
    return new Promise((resolve) => {
      camera.requestCameraAccess((refused) => {
        if (refused) return resolve(String(refused));
        session.connect(user, (error) => {
          if (!error) session.publish();
          resolve(error ?? null);
        });
      });
    });
  },

  say(text) {
    this.library.sendMessage(this.room, this.user, text);
  },

  unpublish() {
    this.library.disconnectParticipant(this.camera);
  },

  leave() {
    this.library.close();
  },
};

function show(stream) {
  const place = document.createElement("div");
  place.dataset.user = stream.getParticipant().getId();
  place.dataset.stream = stream.getIdInParticipant();
  document.body.append(place);
  stream.playOnlyVideo(place, null);
}

function hide(stream) {
  const { user, stream: id } = { user: stream.getParticipant().getId(), stream: stream.getIdInParticipant() };
  document.querySelector(`[data-user="${user}"][data-stream="${id}"]`)?.remove();
}
