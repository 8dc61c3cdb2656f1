package omikron

import (
	"context"
	"encoding/json"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"switchboard/internal/core"
	"switchboard/internal/dialect"
)

// iotaSide is a home server's side (dossier 4.2).
type iotaSide struct {
	*line
	id       string
	accepted []string
	denied   []string
	home     *core.Home
}

// mostProfiles bounds what one Iota can ask to serve.
const mostProfiles = 10_000

func (i *iotaSide) identify(m *message, challenged bool) (claim, []dialect.Frame) {
	home, secret := m.user("iota_id"), m.text("iota_secret")
	users := ids(get(m.data, "user_ids"))
	refused := func(kind, why string) (claim, []dialect.Frame) {
		return claim{}, []dialect.Frame{reply(m, kind, why, 2)}
	}
	switch {
	case home == "":
		return refused("error", "iota_id is missing or no UUID")
	case len(users) > mostProfiles:
		return refused("error", "too many user_ids: at most "+strconv.Itoa(mostProfiles))
	case len(secret) > mostToken:
		return refused("error_invalid_secret", "iota_secret can have at most 256 bytes")
	case !i.o.LegacyIotas && !challenged && secret == "":
		return refused("error_invalid_secret", "this server does not take an iota_id alone; send the iota_secret too, or ask for a challenge")
	}
	return claim{name: "iota " + home, iota: home, proof: Proof{Secret: secret}, prove: func(ctx context.Context, p Proof) (core.Identity, error) {
		housed, err := i.o.Directory.Housed(ctx, home, p, slices.DeleteFunc(slices.Clone(users), func(u string) bool { return parseID(u) == "" }))
		if err != nil {
			return core.Identity{}, err
		}
		i.id, i.accepted, i.denied = home, nil, nil
		ours := make(map[string]bool, len(housed))
		for _, u := range housed {
			ours[u] = true
		}
		for _, u := range users {
			if ours[u] {
				i.accepted = append(i.accepted, u)
			} else {
				i.denied = append(i.denied, u)
			}
		}
		return core.Identity{Realm: i.o.Realm, Guest: true}, nil
	}}, nil
}

// ids reads user_ids: one string with commas wherever (dossier 4.2), or an
// array. What comes twice counts once; what is no UUID stays, to be denied.
func ids(raw json.RawMessage) []string {
	var all []string
	if isText(raw) {
		all = strings.Split(text(raw), ",")
	} else {
		for _, e := range elements(raw) {
			all = append(all, text(e))
		}
	}
	seen := map[string]bool{}
	kept := all[:0]
	for _, u := range all {
		u = strings.TrimSpace(u)
		u = firstOf(parseID(u), u)
		if u != "" && !seen[u] {
			seen[u] = true
			kept = append(kept, u)
		}
	}
	return kept
}

func (i *iotaSide) identified(m *message) ([]dialect.Frame, bool) {
	h, err := i.o.Exchange.OpenHome(i.c.Session(), i.id, i.accepted)
	if err != nil {
		return []dialect.Frame{reply(m, "error", err.Error(), 0)}, false
	}
	i.home = h
	accepted, denied := list(i.accepted), quote(list(i.denied))
	return []dialect.Frame{reply(m, "identification_response", "Iota identified", 0,
		member{"accepted_profiles", quote(accepted)}, member{"denied_profiles", denied}, member{"denid_profiles", denied},
		member{"accepted_ids", quote(strings.TrimSuffix(","+accepted, ","))}, member{"accepted", quote(strconv.Itoa(len(i.accepted)))})}, true
}

// list joins ids with a comma after each (seed).
func list(users []string) string {
	if len(users) == 0 {
		return ""
	}
	return strings.Join(users, ",") + ","
}

func (i *iotaSide) closed() { i.home.Close() }

func (i *iotaSide) receive(m *message) []dialect.Frame {
	switch m.kind {
	case "ping":
		return []dialect.Frame{i.pong(m)}
	case "pong":
		return nil
	}
	m.data = without(m.data, "iota_id") // it is the Iota's only credential
	m.rest = slices.DeleteFunc(m.rest, func(f member) bool { return canon(f.key) == "iota_id" })
	sender, receiver := firstOf(m.sender, m.user("sender_id")), firstOf(m.receiver, m.user("receiver_id"))
	passes := m.kind == "message_other_iota" || m.kind == "send_chat"
	asker, kind, waiting := i.home.Asker(m.id)
	switch {
	case m.id != "" && waiting && !passes && m.kind != "message_live" && (receiver == asker || !i.home.Serves(receiver)):
		return i.answer(m, asker, kind)
	case passes || !i.home.Serves(receiver):
		return i.pass(m, sender, receiver)
	}
	m.receiver = receiver
	contacts := i.prepare(m, receiver)
	if err := i.home.Tell(receiver, m.encode()); err != nil {
		return i.complain(m, "error", err.Error())
	}
	if contacts != nil {
		i.home.Interest(receiver, contacts)
	}
	return nil
}

// answer gives the device that asked its answer, whatever receiver an old Iota
// wrote (dossier 4.2).
func (i *iotaSide) answer(m *message, asker, kind string) []dialect.Frame {
	m.receiver = asker
	var contacts []string
	if kind == "get_chats" {
		contacts = i.prepare(m, asker)
	} else {
		i.prepare(m, "")
	}
	if err := i.home.Answer(m.id, m.encode()); err != nil {
		return i.complain(m, "error", err.Error())
	}
	if contacts != nil {
		i.home.Interest(asker, contacts)
	}
	return nil
}

// prepare makes a message of an Iota one for a user: it comes from the server,
// not from the secret iota_id, and a list of chats says which calls are running.
// It returns the contacts of that list, or nil.
func (i *iotaSide) prepare(m *message, user string) (contacts []string) {
	m.sender = server
	if m.kind != "get_chats" || user == "" {
		return nil
	}
	var chats json.RawMessage
	chats, contacts = enrich(get(m.data, "user_ids"), i.o.Exchange.Invitations(user))
	if chats != nil {
		m.data = set(m.data, "user_ids", chats)
	}
	return contacts
}

// pass passes a message on to the Iota of another user (dossier 4.2, rule 3).
func (i *iotaSide) pass(m *message, sender, receiver string) []dialect.Frame {
	switch {
	case sender == "" || !i.home.Serves(sender):
		return i.complain(m, "error_invalid_user_id", "the sender is not a user of this Iota")
	case receiver == "":
		return i.complain(m, "error_invalid_user_id", "there is no receiver")
	}
	m.sender, m.receiver = sender, receiver
	if get(m.data, "sender_id") != nil {
		m.data = set(m.data, "sender_id", quote(sender))
	}
	err := i.home.Pass(receiver, m.encode())
	switch {
	case err == nil:
		return nil
	case core.KindOf(err) == core.NotFound:
		return i.complain(m, "error_no_iota", "the receiver's Iota is not connected")
	}
	return i.complain(m, "error", err.Error())
}

// complain answers an Iota, but not an error with an error, which could go on
// for ever.
func (i *iotaSide) complain(m *message, kind, why string) []dialect.Frame {
	if strings.HasPrefix(m.kind, "error") {
		return nil
	}
	return []dialect.Frame{reply(m, kind, why, 1, member{"error_type", quote(kind)})}
}

func (i *iotaSide) notify(e *core.Event) []dialect.Frame {
	switch f := e.Fact.(type) {
	case core.Delivered:
		return []dialect.Frame{dialect.Text(f.Body)}
	case core.DeviceEntered:
		return []dialect.Frame{dialect.Text(event("client_connected", member{"user_id", quote(f.User)}))}
	case core.DeviceLeft:
		return []dialect.Frame{dialect.Text(event("client_closed", member{"user_id", quote(f.User)}))}
	}
	return nil
}

// pong tells how far each user is who is here, under all the names that it ever
// had (dossier 4.5).
func (i *iotaSide) pong(m *message) dialect.Frame {
	users := i.home.Beat(latency(m))
	var numbers, texts []member
	for _, user := range sorted(users) {
		ms := milliseconds(users[user])
		numbers = append(numbers, member{user, number(ms)})
		texts = append(texts, member{user, quote(strconv.FormatInt(ms, 10))})
	}
	each := appendObject(nil, numbers)
	return reply(m, "pong", "Pong to Iota", -1, member{"user_ping", each}, member{"user_pings", each}, member{"ping_clients", appendObject(nil, texts)})
}

func sorted[V core.Presence | time.Duration](m map[string]V) []string {
	return slices.Sorted(maps.Keys(m))
}

// enrich adds to each contact the call that it asks the user to, and returns who
// the contacts are (dossier 4.4).
func enrich(raw json.RawMessage, invitations []core.Invitation) (chats json.RawMessage, contacts []string) {
	contacts = []string{}
	if isText(raw) {
		return nil, slices.DeleteFunc(ids(raw), func(u string) bool { return parseID(u) == "" })
	}
	if len(raw) == 0 || raw[0] != '[' {
		return nil, contacts
	}
	chats = append(chats, '[')
	for n, e := range elements(raw) {
		if n > 0 {
			chats = append(chats, ',')
		}
		contact, isObject := split(e)
		user := id(e)
		if isObject {
			user = contactID(contact)
			e = withCalls(e, contact, user, invitations)
		}
		if user != "" {
			contacts = append(contacts, user)
		}
		chats = append(chats, e...)
	}
	return append(chats, ']'), contacts
}

func contactID(contact []member) string {
	for _, f := range contact {
		if canon(f.key) == "user_id" {
			return id(f.value)
		}
	}
	return ""
}

func withCalls(as json.RawMessage, contact []member, by string, invitations []core.Invitation) json.RawMessage {
	var calls []byte
	for _, v := range invitations {
		if v.By != by || by == "" {
			continue
		}
		contact = set(contact, "call_active", json.RawMessage("true"))
		contact = set(contact, "call_id", quote(v.Room.Name()))
		contact = set(contact, "call_secret", quote(v.Secret))
		calls = append(append(calls, ','), quote(v.Room.Name())...)
	}
	if calls == nil {
		return as
	}
	contact = set(contact, "calls", append(append(json.RawMessage("["), calls[1:]...), ']'))
	return appendObject(nil, contact)
}
