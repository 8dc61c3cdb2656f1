package nkmedia

import (
	"encoding/json"
	"slices"
	"strings"

	"switchboard/internal/core"
	"switchboard/internal/dialect"
)

// anything is how a subscription says that it does not matter.
const anything = "*"

// eventType is the media type of events between connections.
const eventType = "application/x-nkmedia-event"

// subscription is what a client wants to hear of (dossier 1.8).
type subscription struct {
	class, sub, typ, id string
	body                json.RawMessage // merged under that of each event; nil: none
	since               int             // counts subscriptions
	only                []string        // types of events; empty: all that match
	once                bool            // ends with the object: it was asked for by a command that made it
}

func eventCommands() map[string]command {
	selectors := join(must(textField("class")), fieldsOf(textForm, "subclass", "obj_id", "service"), []field{{name: "type", form: anyForm}},
		[]field{objectField("body")})
	send := command{fields: join(must(textField("class")), fieldsOf(textForm, "subclass", "type", "obj_id", "service"),
		fieldsOf(boolForm, "broadcast"), []field{objectField("body")}), run: (*conversation).sendEvent}
	told := command{fields: toldFields(), run: (*conversation).eventFromClient}
	return map[string]command{
		"core/event/subscribe":         {fields: selectors, run: (*conversation).subscribeTo},
		"core/event/unsubscribe":       {fields: selectors, run: (*conversation).unsubscribeFrom},
		"core/event/get_subscriptions": {run: (*conversation).listSubscriptions},
		"core/event/send":              send,
		"core/event/send_event":        send,
		"core/core/event":              told,
	}
}

// selectorsOf reads what a client wants to hear of. The last generation may
// name several types, and says "" for any.
func selectorsOf(v values) ([]subscription, *fault) {
	types := []string{anything}
	if raw := v.raw("type"); !absent(raw) {
		if one, ok := asText(raw); ok {
			types = []string{one}
		} else if json.Unmarshal(raw, &types) != nil || len(types) > 64 {
			return nil, faultOf("syntax_error", "type")
		}
	}
	var all []subscription
	if f := unmixed(append(types, v.text("class"), v.text("subclass"), v.text("obj_id"))...); f != nil {
		return nil, f
	}
	for _, t := range types {
		all = append(all, subscription{class: v.text("class"), sub: orAny(v.text("subclass")), typ: orAny(t), id: orAny(v.text("obj_id")),
			body: v.raw("body")})
	}
	return all, nil
}

// unmixed refuses texts that would be more than one part of a topic.
func unmixed(parts ...string) *fault {
	if strings.Contains(strings.Join(parts, ""), "\t") {
		return faultOf("invalid_parameters")
	}
	return nil
}

func orAny(s string) string {
	if s == "" {
		return anything
	}
	return s
}

func (c *conversation) subscribeTo(q *request, v values) {
	all, f := selectorsOf(v)
	for i := 0; i < len(all) && f == nil; i++ {
		f = c.subscribe(all[i])
	}
	if f != nil {
		c.fail(q, f)
		return
	}
	c.reply(q, nil)
}

// subscribe begins to hear of something; another subscription for the same is
// replaced.
func (c *conversation) subscribe(s subscription) *fault {
	topic := c.scope(s.class) + joined(s.class, s.sub, s.typ, s.id)
	if c.inner[topic] == 0 {
		if err := c.session().Follow(topic); err != nil {
			return coreFault(err)
		}
	}
	if old := c.followed[topic]; old != nil {
		s.since = old.since
	} else {
		c.subscribed++
		s.since = c.subscribed
	}
	c.followed[topic] = &s
	c.watchFor(&s)
	return nil
}

func (c *conversation) unsubscribeFrom(q *request, v values) {
	all, f := selectorsOf(v)
	if f != nil {
		c.fail(q, f)
		return
	}
	for i := range all {
		c.unsubscribe(&all[i])
	}
	c.reply(q, nil)
}

func (c *conversation) unsubscribe(s *subscription) {
	topic := c.scope(s.class) + joined(s.class, s.sub, s.typ, s.id)
	if c.followed[topic] == nil {
		return
	}
	delete(c.followed, topic)
	if c.inner[topic] == 0 {
		c.session().Unfollow(topic)
	}
	c.unwatchFor(s)
}

// listSubscriptions tells what the client hears of, in the order of asking.
func (c *conversation) listSubscriptions(q *request, _ values) {
	c.ack(q)
	all := make([]*subscription, 0, len(c.followed))
	for _, s := range c.followed {
		all = append(all, s)
	}
	slices.SortFunc(all, func(a, b *subscription) int { return a.since - b.since })
	list := make([]object, 0, len(all))
	for _, s := range all {
		o := object{"class": s.class, "subclass": c.shownAny(s.sub), "type": c.shownAny(s.typ), "obj_id": c.shownAny(s.id), "service": Name}
		if s.body != nil {
			o["body"] = s.body
		}
		list = append(list, o)
	}
	c.reply(q, list)
}

func (c *conversation) shownAny(s string) string {
	if s == anything && c.generation == G4 {
		return ""
	}
	return s
}

// sendEvent is an event of the client's own: dossier 1.6. Classes in which the
// server speaks are its own, so that nobody forges what it says.
func (c *conversation) sendEvent(q *request, v values) {
	class := v.text("class")
	if ofServer(class) && !c.admin {
		c.fail(q, faultOf("unauthorized"))
		return
	}
	e := event{Class: class, Subclass: v.text("subclass"), Type: orAny(v.text("type")), ObjID: v.text("obj_id"), Body: v.raw("body")}
	if f := unmixed(e.Class, e.Subclass, e.Type, e.ObjID); f != nil {
		c.fail(q, f)
		return
	}
	heard, err := c.session().Tell(core.Telling{Topics: c.topics(&e, c.scope(class)), Type: eventType, Body: encode(e)})
	switch {
	case err != nil:
		c.fail(q, coreFault(err))
	case heard == 0 && !v.flag("broadcast", true):
		c.fail(q, faultOf("no_event_listener"))
	default:
		c.reply(q, nil)
	}
}

func ofServer(class string) bool {
	return class == coreClass || class == mediaClass || class == collabClass
}

// Topics have a scope in front: what the server says about somebody's objects is
// for that user, and for those who may control everybody's; what clients say is
// for all.
const (
	everybody = "all\t"
	realmWide = "realm\t"
)

func scopeOf(user string) string { return "user " + user + "\t" }

// scope is where the client hears of a class.
func (c *conversation) scope(class string) string {
	switch {
	case !ofServer(class):
		return realmWide
	case c.admin || c.o.Control == ControlAnybody:
		return everybody
	}
	return scopeOf(c.user)
}

func joined(parts ...string) string { return strings.Join(parts, "\t") }

// topics lists the subscriptions that an event reaches (dossier 1.8): by
// subclass and type, subclass and any type, and any of both, each with the
// object and with any. The most exact stands first.
func (c *conversation) topics(e *event, scopes ...string) []string {
	sub, typ, id := orAny(e.Subclass), orAny(e.Type), orAny(e.ObjID)
	all := make([]string, 0, 6*len(scopes))
	for _, scope := range scopes {
		for _, kind := range [][2]string{{sub, typ}, {sub, anything}, {anything, anything}} {
			for _, object := range []string{id, anything} {
				if topic := scope + joined(e.Class, kind[0], kind[1], object); !slices.Contains(all, topic) {
					all = append(all, topic)
				}
			}
		}
	}
	return all
}

// telling makes an event of the server's for those who may hear of a user's
// objects.
func (c *conversation) telling(user string, e event) *core.Telling {
	return &core.Telling{Topics: c.topics(&e, scopeOf(user), everybody), Type: eventType, Body: encode(e), State: true}
}

// tell sends an event of the server's to everybody who wants to hear of it, the
// client itself included.
func (c *conversation) tell(e event) { _, _ = c.session().Tell(*c.telling(c.user, e)) }

// told passes an event on to the client, once, whichever subscriptions it
// reaches (dossier 1.8).
func (c *conversation) told(e *core.Event, f *core.TopicTold) {
	if f.Type != eventType || len(f.Topics) == 0 {
		return
	}
	var bodies []json.RawMessage
	var first *subscription
	about := strings.Split(f.Topics[0], "\t") // scope, class, subclass, type, object
	if len(about) != 5 {
		return
	}
	for _, topic := range f.Topics {
		if s := c.followed[topic]; s != nil && s.wants(about[3]) {
			if first == nil {
				first = s
			}
			if s.body != nil {
				bodies = append(bodies, s.body)
			}
		}
	}
	if first != nil && !c.toldOtherwise(about) {
		if bodies == nil {
			c.writeShared(e, f.Body)
		} else {
			c.writeMerged(f.Body, bodies)
		}
	}
	if about[1] == mediaClass {
		c.objectTold(about[2], about[3], about[4])
	}
}

// writeShared says an event whose bytes all connections share.
func (c *conversation) writeShared(e *core.Event, body []byte) {
	if c.generation == G4 {
		c.out = append(c.out, dialect.Text(e.Encoded(Name+" notification", func(core.Fact) []byte { return notification(body) })))
		return
	}
	prefix := e.Encoded(Name, func(core.Fact) []byte { return eventPrefix(body) })
	c.writeEvent(prefix)
}

// writeEvent says an event as a request, which the client has to reply to.
func (c *conversation) writeEvent(prefix []byte) {
	c.tid++
	c.await(&asked{event: true})
	c.write(appendTID(prefix, c.tid))
}

func eventPrefix(body []byte) []byte {
	return slices.Concat([]byte(`{"class":"core","cmd":"event","data":`), body, []byte(`,"tid":`))
}

func notification(body []byte) []byte {
	return slices.Concat([]byte(`{"class":"event","data":`), body, []byte(`}`))
}

// writeMerged says an event with bodies of subscriptions under its own.
func (c *conversation) writeMerged(text []byte, bodies []json.RawMessage) {
	var e event
	if json.Unmarshal(text, &e) != nil {
		return
	}
	merged := map[string]json.RawMessage{}
	for _, b := range append(bodies, e.Body) {
		if len(b) > 0 {
			_ = json.Unmarshal(b, &merged) // an object, or it would not have been taken
		}
	}
	e.Body = encode(merged)
	c.sayEvent(e)
}

// sayEvent says an event to this client only.
func (c *conversation) sayEvent(e event) {
	if c.generation == G4 {
		c.write(notification(encode(e)))
		return
	}
	c.writeEvent(eventPrefix(encode(e)))
}

func (s *subscription) wants(typ string) bool {
	return len(s.only) == 0 || slices.Contains(s.only, typ)
}

// hear says an event to this client, if it wants to hear of it.
func (c *conversation) hear(e event) {
	var bodies []json.RawMessage
	wanted := false
	for _, topic := range c.topics(&e, c.scope(e.Class)) {
		if s := c.followed[topic]; s != nil && s.wants(e.Type) {
			wanted = true
			if s.body != nil {
				bodies = append(bodies, s.body)
			}
		}
	}
	switch {
	case !wanted:
	case bodies != nil:
		c.writeMerged(encode(e), bodies)
	default:
		c.sayEvent(e)
	}
}

// eventFromClient takes an event that a client sends as a request: the
// published way to answer calls. It is looked at before it is replied to, so that
// the reply can say what is wrong (dossier 4.4).
func (c *conversation) eventFromClient(q *request, _ values) {
	f := c.clientEvent(q)
	switch {
	case f != nil:
		c.fail(q, f)
	case !q.later:
		c.reply(q, nil)
	}
}

// toldFields are those of an event.
func toldFields() []field {
	return join(must(textField("class")), fieldsOf(textForm, "subclass", "type", "obj_id", "service"), []field{objectField("body")})
}

func (c *conversation) clientEvent(q *request) *fault {
	v, f := check(toldFields(), q.data)
	if f != nil {
		return f
	}
	if class := v.text("class"); (class == mediaClass || class == collabClass) && v.text("subclass") == "call" {
		return c.callSaid(q, v.text("obj_id"), v.text("type"), v.raw("body"))
	}
	return nil // acknowledged and ignored, as upstream
}
