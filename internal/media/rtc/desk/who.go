package desk

import (
	"maps"
	"slices"
	"time"

	"switchboard/internal/media"
	"switchboard/internal/media/mix"
	"switchboard/internal/media/rtc/forward"
)

// tail is how long a room still hears a talker whose gate there was closed, while
// another room's is open; packets may be later than the signal.
const tail = 100 * time.Millisecond

// transport is somebody who hears or speaks.
type transport struct {
	id       media.TransportID
	out      *forward.Transport
	always   bool
	hears    map[media.RoomID]hearing
	listener *mix.Listener       // nil: not one
	own      []media.TransportID // others over which whoever listens speaks
	talkers  []*talker           // on its tracks
	ear      *phoneEar           // once it took G.711
}

// hearing is what was said last of a transport and a room.
type hearing struct {
	revision uint64
	percent  int
	own      []media.TransportID
}

// talker is a track that is or was in some room's mix.
type talker struct {
	track   media.TrackID
	from    *transport
	parts   map[media.RoomID]*part
	voice   *mix.Talker // nil: nobody could hear it
	closed  bool        // the voice's gate
	talking bool        // as we told
	mouth   *phoneMouth // once it spoke G.711
}

// part is what was said last of a talker and a room.
type part struct {
	revision uint64
	in       bool
	gate     media.Gate
	feeds    bool          // the room hears it, or did when the last gate closed
	fades    time.Duration // until when it does if the gate is closed
}

// room is who meets in a mix.
type room struct {
	ears    map[*transport]struct{}
	talkers map[*talker]struct{}
}

func (d *Desk) open(id media.TransportID, out *forward.Transport, always bool) {
	t := &transport{id: id, out: out, always: always && out != nil, hears: map[media.RoomID]hearing{}}
	d.transports[id] = t
	d.listen(t)
}

func (d *Desk) forget(id media.TransportID) {
	t := d.transports[id]
	if t == nil {
		return
	}
	delete(d.transports, id)
	rooms := slices.Collect(maps.Keys(t.hears))
	clear(t.hears)
	t.always = false
	d.listen(t)
	for _, name := range rooms {
		d.leave(t, name)
	}
	for _, x := range t.talkers {
		delete(d.talkers, x.track)
		x.talking = false // a track that ends is not spoken of
		for name, p := range x.parts {
			p.in = false
			d.part(x, name)
		}
		clear(x.parts)
		d.settle(x)
	}
}

// apply takes routes; what is older than what is known is left out.
func (d *Desk) apply(r media.Routes) {
	for _, v := range r.Voices {
		d.applyVoice(r.Room, r.Revision, v)
	}
	for _, rec := range r.Receptions {
		t := d.transports[rec.To]
		if t == nil || t.out == nil {
			continue
		}
		was, known := t.hears[r.Room]
		if known && was.revision >= r.Revision {
			continue
		}
		t.hears[r.Room] = hearing{r.Revision, rec.Mix, rec.Own}
		if rec.Mix == was.percent && slices.Equal(rec.Own, was.own) {
			continue
		}
		own := t.own
		d.listen(t)
		switch {
		case was.percent <= 0 && rec.Mix > 0:
			d.enter(r.Room).ears[t] = struct{}{}
			d.settleRoom(r.Room)
		case was.percent > 0 && rec.Mix <= 0:
			d.leave(t, r.Room)
		}
		if !slices.Equal(own, t.own) {
			for name, h := range t.hears {
				if h.percent > 0 {
					d.settleRoom(name)
				}
			}
		}
	}
}

func (d *Desk) applyVoice(name media.RoomID, revision uint64, v media.Voice) {
	t := d.talkers[v.Track]
	if t == nil {
		from := d.transports[v.From]
		if from == nil {
			return
		}
		t = &talker{track: v.Track, from: from, parts: map[media.RoomID]*part{}}
		d.talkers[v.Track] = t
		from.talkers = append(from.talkers, t)
	}
	p := t.parts[name]
	if p == nil {
		p = &part{}
		t.parts[name] = p
	} else if p.revision >= revision {
		return
	}
	p.revision = revision
	if p.in == v.In && p.gate == v.Gate {
		return
	}
	t.say(name, v, d.now)
	if v.In {
		d.enter(name).talkers[t] = struct{}{}
	} else {
		d.part(t, name)
	}
	d.settle(t)
}

// say notes what is said of a talker and a room.
func (t *talker) say(name media.RoomID, v media.Voice, now time.Duration) {
	p := t.parts[name]
	if p == nil {
		p = &part{}
		t.parts[name] = p
	}
	if p.in && p.gate != media.GateClosed {
		p.fades = now + tail
	}
	p.in, p.gate = v.In, v.Gate
}

// enter finds a room or makes it.
func (d *Desk) enter(name media.RoomID) *room {
	r := d.rooms[name]
	if r == nil {
		r = &room{ears: map[*transport]struct{}{}, talkers: map[*talker]struct{}{}}
		d.rooms[name] = r
	}
	return r
}

// leave takes a listener out of a room.
func (d *Desk) leave(t *transport, name media.RoomID) {
	if r := d.rooms[name]; r != nil {
		delete(r.ears, t)
		d.settleRoom(name)
	}
}

// part takes a talker out of a room.
func (d *Desk) part(t *talker, name media.RoomID) {
	if r := d.rooms[name]; r != nil {
		delete(r.talkers, t)
		d.settleRoom(name)
	}
}

// settleRoom is called when somebody came to a room or went.
func (d *Desk) settleRoom(name media.RoomID) {
	r := d.rooms[name]
	for t := range r.talkers {
		if d.heard(t) != (t.voice != nil) {
			d.settle(t)
		}
	}
	if len(r.ears)+len(r.talkers) == 0 {
		delete(d.rooms, name)
	}
}

// listen brings the mixer up to what a transport hears.
func (d *Desk) listen(t *transport) {
	var hearings []mix.Hearing
	t.own = nil
	for name, h := range t.hears {
		for _, id := range h.own {
			if !slices.Contains(t.own, id) {
				t.own = append(t.own, id)
			}
		}
		if h.percent > 0 {
			hearings = append(hearings, mix.Hearing{Room: name, Level: mix.Volume(h.percent)})
		}
	}
	listens := t.always || len(hearings) > 0
	switch {
	case listens && t.listener == nil:
		t.listener = d.mixer.AddListener(t.id, d.now)
		d.listeners[t.listener] = t
	case !listens && t.listener != nil:
		d.mixer.RemoveListener(t.listener)
		delete(d.listeners, t.listener)
		t.listener = nil
	}
	if t.listener != nil {
		d.mixer.Hear(t.listener, hearings)
		slices.Sort(t.own)
		d.mixer.SetOwn(t.listener, t.own)
	}
}

// heard tells whether somebody else is in a room that the talker is in. The gate
// does not matter: what comes before it opens is wanted too.
func (d *Desk) heard(t *talker) bool {
	for name, p := range t.parts {
		if !p.in {
			continue
		}
		for ear := range d.rooms[name].ears {
			if ear != t.from && !slices.Contains(ear.own, t.from.id) {
				return true
			}
		}
	}
	return false
}

// settle brings the mixer up to what is known of a talker.
func (d *Desk) settle(t *talker) {
	switch heard := d.heard(t); {
	case heard && t.voice == nil:
		t.voice, t.closed = d.mixer.AddTalker(t.track, t.from.id), false
		d.voices[t.voice] = t
		d.plane.Tap(t.track, true)
	case !heard && t.voice != nil:
		d.plane.Tap(t.track, false)
		d.mixer.RemoveTalker(t.voice)
		delete(d.voices, t.voice)
		t.voice = nil
	}
	feeds, closed := t.feed(d.now)
	if t.voice == nil {
		return
	}
	d.mixer.Feed(t.voice, feeds)
	if closed != t.closed {
		t.closed = closed
		d.mixer.Gate(t.voice, !closed, d.now)
	}
	if fades := !closed && t.fades() != mix.Never; fades != slices.Contains(d.fading, t) {
		if fades {
			d.fading = append(d.fading, t)
		} else {
			d.fading = slices.DeleteFunc(d.fading, func(o *talker) bool { return o == t })
		}
	}
}

// feed returns the rooms that hear the talker, and whether push-to-talk is closed
// in all. Then the rooms that heard it last stay, for what was said before; the
// gate lets nothing more in.
func (t *talker) feed(now time.Duration) (feeds []mix.Feed, closed bool) {
	closed = len(t.parts) > 0
	any := false
	for _, p := range t.parts {
		if p.in && p.gate != media.GateClosed {
			closed = false
		}
		p.feeds = p.feeds && p.in
		any = any || p.feeds
	}
	for _, name := range slices.Sorted(maps.Keys(t.parts)) {
		p := t.parts[name]
		switch {
		case p.in && (p.gate != media.GateClosed || closed && !any):
			p.feeds = true
		case !closed:
			p.feeds = p.feeds && now < p.fades
		}
		if p.feeds {
			feeds = append(feeds, mix.Feed{Room: name})
		}
	}
	return feeds, closed
}

// fades returns when a room ceases to hear the talker, by what is known.
func (t *talker) fades() time.Duration {
	due := mix.Never
	for _, p := range t.parts {
		if p.feeds && p.gate == media.GateClosed {
			due = min(due, p.fades)
		}
	}
	return due
}

// fade takes talkers out of the rooms whose time is over.
func (d *Desk) fade() {
	for _, t := range slices.Clone(d.fading) {
		if t.fades() <= d.now {
			d.settle(t)
		}
	}
}
