package nkmedia

import (
	"cmp"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"switchboard/internal/core"
)

// roomData is what clients say about a room, kept in the room's data.
type roomData struct {
	Class      string          `json:"class,omitempty"`
	Backend    string          `json:"backend,omitempty"`
	AudioCodec string          `json:"audio_codec,omitempty"`
	VideoCodec string          `json:"video_codec,omitempty"`
	Bitrate    int             `json:"bitrate"`
	Timeout    int             `json:"timeout,omitempty"`
	Owner      string          `json:"owner,omitempty"`
	Meta       json.RawMessage `json:"room_meta,omitempty"`
}

// The keys of a room's data that are this dialect's.
const (
	roomKey    = "room"
	messageKey = "message/" // and the message's id
)

const mostMessages = 50 // of a room's log

func roomCommands() map[string]command {
	about := must(field{name: "room_id", also: []string{"conf_id", "room"}})
	destroy := command{fields: about, run: (*conversation).destroyRoom}
	info := command{fields: about, run: (*conversation).roomInfo}
	list := command{run: (*conversation).listRooms}
	return map[string]command{
		"media/room/create": {run: (*conversation).createRoom, fields: join([]field{wordField("class", "sfu", "mcu"),
			wordField("backend", "nkmedia_janus", "nkmedia_fs", "nkmedia_kms"), intField("timeout", 5, 259200), objectField("room_meta")},
			fieldsOf(textForm, "room_id", "room", "conf_id"), roomOptionFields(""), roomOptionFields("room_"))},
		"media/room/create_conf": {run: (*conversation).createRoom, fields: fieldsOf(textForm, "conf_id")},
		"media/room/destroy":     destroy,
		"media/room/info":        info,
		"media/room/get_info":    info,
		"media/room/list":        list,
		"media/room/get_list":    list,
		"media/room/get_status":  {fields: about, run: (*conversation).roomStatus},
		"media/room/msglog_send": {fields: join(about, must(objectField("msg"))), run: (*conversation).sendMessage},
		"media/room/msglog_get":  {fields: about, run: (*conversation).messages},
	}
}

// roomDataOf reads what is said about a room, with a prefix where that is said
// beside something else.
func roomDataOf(v values, prefix string) roomData {
	d := roomData{Class: "sfu", Backend: "nkmedia_janus", AudioCodec: v.text(prefix + "audio_codec"), VideoCodec: v.text(prefix + "video_codec"),
		Bitrate: v.number(prefix + "bitrate")}
	d.AudioCodec = cmp.Or(d.AudioCodec, "opus")
	d.VideoCodec = cmp.Or(d.VideoCodec, "vp8")
	return d
}

func (c *conversation) roomID(name string) core.RoomID { return core.NewRoomID(c.realm(), name) }

// createRoom makes a room that nobody is in yet: dossier 2.4.
func (c *conversation) createRoom(q *request, v values) {
	name := v.text("room_id", "conf_id", "room")
	if name == "" {
		name = newID()
	}
	d := roomDataOf(v, "")
	if v.has("room_bitrate", "room_audio_codec", "room_video_codec") {
		d = roomDataOf(v, "room_")
	}
	if v.text("class") == "mcu" {
		d.Class, d.Backend = "mcu", "nkmedia_fs"
	}
	d.Timeout, d.Meta = v.number("timeout"), v.raw("room_meta")
	if err := c.openRoom(c.roomID(name), *c.roomPolicy(time.Duration(d.Timeout) * time.Second), d); err != nil {
		c.fail(q, coreFault(err))
		return
	}
	c.reply(q, object{"room_id": name, "room": name})
	c.announceRoom(name)
}

func (c *conversation) openRoom(id core.RoomID, policy core.Policy, d roomData) error {
	d.Owner = c.user
	return c.session().OpenRoom(core.OpenRoomRequest{Room: id, Policy: policy, Data: map[string][]byte{roomKey: encode(d)}})
}

// look describes a room that the client may listen in.
func (c *conversation) look(name string) (core.RoomInfo, roomData, *fault) {
	id := c.roomID(name)
	info, err := c.session().WatchRoom(id)
	if err != nil {
		return info, roomData{}, coreFault(err)
	}
	if c.rooms[id] == nil {
		c.session().UnwatchRoom(id)
	}
	if info.Policy.Hidden {
		return info, roomData{}, faultOf("room_not_found")
	}
	return info, readRoomData(info), nil
}

// readRoomData reads what clients have said about a room.
func readRoomData(info core.RoomInfo) roomData {
	d := roomData{Class: "sfu", Backend: "nkmedia_janus"}
	if raw := info.Data[roomKey]; raw != nil {
		_ = json.Unmarshal(raw, &d) // others may have put something else there
	}
	return d
}

// destroyRoom closes a room, which stops the sessions in it. Whoever made it may,
// and whoever may control what they made.
func (c *conversation) destroyRoom(q *request, v values) {
	info, d, f := c.look(v.text("room_id"))
	if f == nil && !c.admin && (info.Policy.Persistent || d.Owner == "" || !c.controls(d.Owner)) {
		f = faultOf("unauthorized")
	}
	if f == nil {
		if err := c.o.Hub.Admin().CloseRoom(info.ID); err != nil {
			f = coreFault(err)
		}
	}
	if f != nil {
		c.fail(q, f)
		return
	}
	c.reply(q, nil)
}

func (c *conversation) listRooms(q *request, _ values) {
	list := []object{}
	for _, info := range c.o.Hub.Admin().Rooms(c.realm()) {
		if _, d, f := c.look(info.ID.Name()); f == nil { // else the client may not know of it
			list = append(list, object{"room_id": info.ID.Name(), "class": d.Class})
		}
	}
	c.reply(q, list)
}

func (c *conversation) roomInfo(q *request, v values) {
	info, d, f := c.look(v.text("room_id"))
	if f != nil {
		c.fail(q, f)
		return
	}
	c.reply(q, describeRoom(info, d))
}

// describeRoom describes a room in both shapes (dossier 2.4).
func describeRoom(info core.RoomInfo, d roomData) object {
	publishers, listeners, members := object{}, object{}, object{}
	for _, p := range info.Participants {
		m, ok := memberOf(p)
		switch {
		case !ok:
			continue
		case m.role == roleListener:
			listeners[m.session] = object{"user": m.user, "peer": m.peer}
			members[m.session] = object{"role": m.role, "user_id": m.user, "peer_id": m.peer}
		default:
			publishers[m.session] = object{"user": m.user}
			members[m.session] = object{"role": m.role, "user_id": m.user}
		}
	}
	o := object{"room_id": info.ID.Name(), "class": d.Class, "bitrate": d.Bitrate, "publishers": publishers, "listeners": listeners, "members": members}
	for key, value := range map[string]string{"backend": d.Backend, "audio_codec": d.AudioCodec, "video_codec": d.VideoCodec} {
		if value != "" {
			o[key] = value
		}
	}
	if d.Timeout > 0 {
		o["timeout"] = d.Timeout
	}
	if d.Meta != nil {
		o["room_meta"] = d.Meta
	}
	return o
}

// roomStatus tells who is speaking.
func (c *conversation) roomStatus(q *request, v values) {
	info, _, f := c.look(v.text("room_id"))
	if f != nil {
		c.fail(q, f)
		return
	}
	talking := []string{}
	for _, p := range info.Participants {
		if m, ok := memberOf(p); ok && p.Talking {
			talking = append(talking, m.session)
		}
	}
	c.reply(q, object{"talking": talking})
}

// sendMessage adds to the log of a room, which keeps the latest.
func (c *conversation) sendMessage(q *request, v values) {
	info, _, f := c.look(v.text("room_id"))
	if f != nil {
		c.fail(q, f)
		return
	}
	now := time.Now()
	id := fmt.Sprintf("%015d-%s", now.UnixMicro(), newID()[:8])
	message := map[string]json.RawMessage{}
	_ = json.Unmarshal(v.raw("msg"), &message) // an object, or it would not have been taken
	for key, value := range map[string]any{"msg_id": id, "user_id": c.user, "session_id": c.self(), "timestamp": now.UnixMilli()} {
		message[key] = encode(value)
	}
	if err := c.session().SetRoomData(info.ID, core.DataRequest{Key: messageKey + id, Value: encode(message)}); err != nil {
		c.fail(q, coreFault(err))
		return
	}
	if old := logged(info.Data); len(old) >= mostMessages {
		_ = c.session().SetRoomData(info.ID, core.DataRequest{Key: old[0]}) // gone already is as good
	}
	c.reply(q, object{"msg_id": id})
}

// logged lists the keys of a room's messages, the oldest first.
func logged(data map[string][]byte) (keys []string) {
	for key := range data {
		if strings.HasPrefix(key, messageKey) {
			keys = append(keys, key)
		}
	}
	slices.Sort(keys)
	return keys
}

func (c *conversation) messages(q *request, v values) {
	info, _, f := c.look(v.text("room_id"))
	if f != nil {
		c.fail(q, f)
		return
	}
	list := []json.RawMessage{}
	for _, key := range logged(info.Data) {
		list = append(list, info.Data[key])
	}
	c.reply(q, list)
}
