package openvocs

import (
	"context"
	"encoding/json"

	"switchboard/internal/core"
)

// loop is a loop of the role: a room that stays, in which the client is while
// its state is not none.
type loop struct {
	id         string
	room       core.RoomID
	permission core.Permission
	volume     int
	left       core.Mode         // the state that the next login begins with
	me         *core.Participant // nil while the state is none
	talks      bool              // the state is send
	pressed    bool              // push-to-talk
}

// stateOf is how clients call a participant's mode. Whoever is there only
// listens as far as they are concerned.
func stateOf(m core.Mode) string {
	if m == core.ModeTalk {
		return "send"
	}
	return "recv"
}

func (l *loop) state() string {
	switch {
	case l.me == nil:
		return "none"
	case l.talks:
		return "send"
	}
	return "recv"
}

func (l *loop) mode() core.Mode {
	switch {
	case l.me == nil:
		return core.ModeNone
	case l.talks:
		return core.ModeTalk
	}
	return core.ModeListen
}

// readLoops brings the loops up to what the role may enter now, and returns
// them as they are stored.
func (c *conversation) readLoops(ctx context.Context) ([]core.Place, error) {
	places, err := c.session().Places(ctx)
	if err != nil {
		return nil, err
	}
	before := c.loops
	c.loops = make(map[string]*loop, len(places))
	for _, p := range places {
		l := before[p.Room.Name()]
		if l == nil {
			l = &loop{id: p.Room.Name(), room: p.Room}
		}
		if l.me == nil {
			l.volume = p.Preference.Volume
		}
		l.permission, l.left = p.Permission, p.Preference.Mode
		c.loops[l.id] = l
	}
	for id, l := range before {
		switch {
		case c.loops[id] != nil:
		case l.me != nil: // an event about that is on its way
			c.loops[id] = l
		default:
			c.session().UnwatchRoom(l.room)
		}
	}
	return places, nil
}

// loopOf returns the loop that a request is about, if the role may do as much in
// it. A loop that the role may not enter is as good as none.
func (c *conversation) loopOf(ctx context.Context, r *request, least core.Permission) (*loop, error) {
	if _, err := c.actor(); err != nil {
		return nil, err
	}
	id, err := r.param.text("loop")
	if err != nil {
		return nil, err
	}
	if l := c.loops[id]; l != nil && l.permission >= least {
		return l, nil
	}
	if _, err := c.readLoops(ctx); err != nil { // it may be new, or the right to it
		return nil, err
	}
	if l := c.loops[id]; l != nil && l.permission >= least {
		return l, nil
	}
	return nil, errPermission
}

// watch makes the client hear what happens in a loop, from now on, whether it is
// in it or not (dossier 1.7).
func (c *conversation) watch(l *loop) error {
	_, err := c.session().WatchRoom(l.room)
	return err
}

// roleLoops lists the loops of the role and subscribes to them: seed, dossier
// 2.2. The seed's example of asking for the state of SIP is this request too, so
// that is said beside them.
func (c *conversation) roleLoops(ctx context.Context, _ *request) (any, error) {
	id, err := c.actor()
	if err != nil {
		return nil, err
	}
	places, err := c.readLoops(ctx)
	if err != nil {
		return nil, err
	}
	layout, err := c.layoutOf(ctx, id.Role)
	if err != nil {
		return nil, err
	}
	loops := make(map[string]entity, len(places))
	for _, p := range places {
		l := c.loops[p.Room.Name()]
		if err := c.watch(l); err != nil {
			return nil, err
		}
		loops[l.id] = c.entry(l, p, layout[l.id])
	}
	return struct {
		Loops map[string]entity `json:"loops"`
		gateway
	}{loops, c.gateway()}, nil
}

// entry is a loop as role_loops tells it.
func (c *conversation) entry(l *loop, p core.Place, position json.RawMessage) entity {
	e := ownLoop(p)
	state, permission := stateOf(p.Preference.Mode), "recv"
	if p.Permission >= core.PermitTalk {
		permission = "send"
	} else {
		state = "recv" // a client that asked for more again and again would be refused each time
	}
	if p.Preference.Mode == core.ModeNone {
		state = "none"
	}
	e.set("permission", permission)
	e.set("state", state)
	e.set("volume", l.volume)
	if len(position) > 0 {
		e["layout_position"] = position
	}
	present := c.members(l.room)
	e.set("participants", len(present))
	e.set("present", present)
	return e
}

// stateResult is the response of switch_loop_state.
type stateResult struct {
	Loop         string `json:"loop"`
	State        string `json:"state"`
	Participants []any  `json:"participants"`
}

// switchState enters a loop, leaves it, or changes what one does in it: seed,
// dossier 2.2. Of what is told there the order is kept: the loop, the user's
// other tabs, then the reply.
func (c *conversation) switchState(ctx context.Context, r *request) (any, error) {
	state, err := r.param.text("state")
	if err != nil {
		return nil, err
	}
	least := core.PermitListen
	if state == "send" {
		least = core.PermitTalk
	}
	l, err := c.loopOf(ctx, r, least)
	if err != nil {
		return nil, err
	}
	if before := l.state(); state != before {
		if err := c.enter(l, state); err != nil {
			return nil, err
		}
		if l.state() != before {
			l.left = l.mode()
			c.remember(ctx, l)
			c.tellTabs(c.stateChanged(userBroadcast, l))
		}
	}
	return stateResult{l.id, l.state(), c.members(l.room)}, nil
}

// enter makes a loop's state what it shall be. Any word that is no state is none.
func (c *conversation) enter(l *loop, state string) error {
	if state != "recv" && state != "send" {
		c.leave(l)
		return nil
	}
	if l.me == nil {
		if err := c.join(l); err != nil {
			return err
		}
		if state == "send" {
			if err := c.speak(l); err != nil {
				c.leave(l)
				return err
			}
		}
		return nil
	}
	if state == "send" {
		return c.speak(l)
	}
	return c.hush(l)
}

// join enters a loop as one who listens.
func (c *conversation) join(l *loop) error {
	if c.line == nil {
		return errNoMedia
	}
	if err := c.watch(l); err != nil {
		return inLoop(err)
	}
	id := c.session().Identity()
	me, _, err := c.session().Join(core.JoinRequest{Room: l.room, Name: id.User, NameRule: core.NameUnique, Display: id.Display,
		Status: encodeStatus(c.client), Mode: core.ModeListen})
	if err != nil {
		return inLoop(err)
	}
	if err := me.HearMix(core.MixRequest{Transport: c.line.transport.ID(), Volume: l.volume}); err != nil {
		me.Leave()
		return inLoop(err)
	}
	l.me, l.talks, l.pressed = me, false, false
	c.drain()
	c.write(c.stateChanged(loopBroadcast, l)) // the others are told by the core
	return nil
}

// inLoop says an error about a loop: one that cannot be entered is as good as
// none.
func inLoop(err error) error {
	switch core.KindOf(err) {
	case core.Denied, core.NotFound:
		return errPermission
	}
	return err
}

// speak puts the microphone into a loop. Who has used push-to-talk is heard only
// once they press it there.
func (c *conversation) speak(l *loop) error {
	switch {
	case c.line == nil:
		return errNoMedia
	case l.me == nil: // taken away as soon as it was entered
		return errPermission
	}
	if c.pressed {
		if err := l.me.PushToTalk(false); err != nil {
			return inLoop(err)
		}
	}
	if err := l.me.SetMode(core.ModeTalk); err != nil {
		return inLoop(err)
	}
	l.talks = true
	return c.publish(l)
}

// microphone is the name of the one thing that a client publishes.
const microphone = "microphone"

func (c *conversation) publish(l *loop) error {
	if len(c.line.tracks) == 0 { // not yet; see settle
		return nil
	}
	_, err := l.me.Publish(core.PublishRequest{Name: microphone, Transport: c.line.transport.ID(), Tracks: c.line.tracks})
	return err
}

// hush takes the microphone out of a loop.
func (c *conversation) hush(l *loop) error {
	if l.pressed {
		if err := c.press(l, false); err != nil {
			return inLoop(err)
		}
		if l.me == nil { // taken away meanwhile
			return errPermission
		}
	}
	_ = l.me.Unpublish(microphone) // there is none before the client has answered
	if err := l.me.SetMode(core.ModeListen); err != nil {
		return inLoop(err)
	}
	l.talks = false
	return nil
}

// leave leaves a loop. The others hear, with that, that push-to-talk is released.
func (c *conversation) leave(l *loop) {
	if l.me != nil {
		l.me.Leave()
	}
	l.me, l.talks, l.pressed = nil, false, false
}

// plug makes the media connection carry all loops that the client is in.
func (c *conversation) plug() {
	for _, l := range c.loops {
		if l.me == nil {
			continue
		}
		if err := l.me.HearMix(core.MixRequest{Transport: c.line.transport.ID(), Volume: l.volume}); err != nil {
			c.o.Log.Warn("a loop cannot be heard", "session", c.session().ID(), "room", l.room, "error", err)
		}
		if l.talks {
			if err := c.publish(l); err != nil && core.KindOf(err) != core.Conflict { // it is in already
				c.o.Log.Warn("a loop cannot be talked in", "session", c.session().ID(), "room", l.room, "error", err)
			}
		}
	}
}

// remember keeps state and volume for the next login. What is heard now does not
// depend on it: where it cannot be kept the core tells the operator, and users
// without a record of theirs begin anew.
func (c *conversation) remember(ctx context.Context, l *loop) {
	_ = c.session().Remember(ctx, l.id, core.Preference{Mode: l.left, Volume: l.volume})
}

// volumeResult is the response of switch_loop_volume.
type volumeResult struct {
	Loop   string `json:"loop"`
	Volume int    `json:"volume"`
}

// switchVolume changes how loud a loop is heard, for all tabs in which the user
// acts in this role: seed, dossier 2.2.
func (c *conversation) switchVolume(ctx context.Context, r *request) (any, error) {
	percent, err := r.param.number(100, "volume")
	volume := int(percent)
	if err != nil {
		return nil, err
	}
	l, err := c.loopOf(ctx, r, core.PermitListen)
	if err != nil {
		return nil, err
	}
	c.setVolume(l, volume)
	c.remember(ctx, l)
	me := c.self("")
	c.tellTabs(encodePush("switch_loop_volume", userBroadcast, struct {
		volumeResult
		User   string `json:"user"`
		Role   string `json:"role"`
		Client string `json:"client"`
	}{volumeResult{l.id, volume}, me.User, me.Role, me.Client}))
	return volumeResult{l.id, volume}, nil
}

func (c *conversation) setVolume(l *loop, volume int) {
	l.volume = volume
	if l.me != nil {
		_ = l.me.SetVolume(volume) // without a media connection there is nothing to turn
	}
}

// talkingResult is the response of talking.
type talkingResult struct {
	User  string `json:"user"`
	Role  string `json:"role"`
	Loop  string `json:"loop"`
	State bool   `json:"state"`
	Name  string `json:"name,omitempty"`
}

// talking presses push-to-talk in a loop, or lets go of it: seed, dossier 2.2.
// Letting go succeeds everywhere, since clients do it after they have left, and
// after the right was taken away; an error would end their connection.
func (c *conversation) talking(ctx context.Context, r *request) (any, error) {
	on, err := r.param.flag("state")
	if err != nil {
		return nil, err
	}
	if _, err := c.actor(); err != nil {
		return nil, err
	}
	loop, err := r.param.text("loop")
	if err != nil {
		return nil, err
	}
	l := c.loops[loop]
	if on {
		if l, err = c.loopOf(ctx, r, core.PermitTalk); err != nil {
			return nil, err
		}
	}
	switch {
	case l != nil && l.me != nil && l.talks:
		if err := c.press(l, on); err != nil {
			return nil, inLoop(err)
		}
	case on:
		return nil, errNotSending
	}
	me := c.self("")
	return talkingResult{me.User, me.Role, loop, on, me.Name}, nil
}

// press opens a loop to the client's voice, or closes it. From the first time on
// every loop is closed that is not pressed.
func (c *conversation) press(l *loop, on bool) error {
	if !c.pressed {
		c.pressed = true
		for _, other := range c.loops {
			if other != l && other.talks {
				_ = other.me.PushToTalk(false) // it fails where the client is not any more
			}
		}
	}
	if err := l.me.PushToTalk(on); err != nil {
		return err
	}
	if l.pressed != on { // the others are told by the core
		l.pressed = on
		c.drain()
		me := c.self("")
		c.write(encodePush("talking", loopBroadcast, talkingParam{l.id, me.User, me.Role, on, me.Client, me.Name}))
	}
	return nil
}
