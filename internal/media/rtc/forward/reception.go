package forward

import (
	"slices"

	"switchboard/internal/media"
)

// reception is what was said last about a room.
type reception struct {
	room     media.RoomID
	revision uint64
	tracks   []media.TrackID
	mix      bool
}

// SetReception says what the transport receives from a room: of all that was
// said for the same room the newest revision counts. While any room says so, the
// first audio line carries what SendMixed brings. The tracks of all rooms,
// in the order in which the rooms came, without repetition, go to the lines we
// send on: each to the next line of its kind. A track that is not known yet
// takes its place when it appears on a transport of this plane. The plane keeps
// the slice, which must not change any more.
func (t *Transport) SetReception(room media.RoomID, revision uint64, tracks []media.TrackID, mix bool) {
	p := t.plane
	p.mu.Lock()
	defer p.mu.Unlock()
	if t.closed {
		return
	}
	i := slices.IndexFunc(t.receptions, func(r reception) bool { return r.room == room })
	if i < 0 {
		t.receptions = append(t.receptions, reception{room: room})
		i = len(t.receptions) - 1
	} else if t.receptions[i].revision >= revision {
		return
	}
	former := t.receptions[i].tracks
	t.receptions[i].revision, t.receptions[i].tracks, t.receptions[i].mix = revision, tracks, mix
	p.forget(t, former)
	for _, r := range t.receptions { // a track may come from two rooms
		for _, id := range r.tracks {
			if p.wants[id] == nil {
				p.wants[id] = make(map[*Transport]struct{}, 1)
			}
			p.wants[id][t] = struct{}{}
		}
	}
	t.assign()
}

// forget takes t from the lists of those who want the tracks. p.mu is held.
func (p *Plane) forget(t *Transport, ids []media.TrackID) {
	for _, id := range ids {
		delete(p.wants[id], t)
		if len(p.wants[id]) == 0 {
			delete(p.wants, id)
		}
	}
}

// assign gives each sender its source and puts it into the tables of the tracks.
// plane.mu is held.
func (t *Transport) assign() {
	taken := make(map[*sender]bool, len(t.senders))
	seen := make(map[*track]bool, len(t.senders))
	if t.mixes() {
		if i := slices.IndexFunc(t.senders, func(s *sender) bool { return s.kind == media.Audio }); i >= 0 {
			taken[t.senders[i]] = t.senders[i].carry()
		}
	}
	for _, r := range t.receptions {
		for _, id := range r.tracks {
			tr := t.plane.tracks[id]
			if tr == nil || seen[tr] {
				continue
			}
			seen[tr] = true
			for _, s := range t.senders {
				if s.kind == tr.kind && !taken[s] {
					taken[s] = true
					s.follow(tr)
					break
				}
			}
		}
	}
	for _, s := range t.senders {
		if !taken[s] {
			s.follow(nil)
		}
	}
}

// follow makes tr what s sends, nil nothing. It changes nothing if s does so
// already in the same way. plane.mu is held.
func (s *sender) follow(tr *track) {
	t := s.transport
	connected := t.started && t.reachable && !t.closed
	if m := t.mixing.Load(); m != nil && m.sender == s {
		t.mixing.Store(nil)
	}
	old := s.source.Load()
	var v *variant
	if tr != nil && connected {
		fresh := newVariant(tr.line, s.line)
		if old == tr && s.connected && s.variant.same(&fresh) {
			return
		}
		v = tr.shared(fresh)
	}
	if old != nil && s.connected {
		old.remove(s)
	}
	s.source.Store(tr)
	stopped := s.connected && v == nil
	s.connected, s.variant = v != nil, v
	if v == nil {
		if stopped {
			s.subscribed++
			generation := s.subscribed
			t.worker.post(func() { s.turn(generation) })
		}
		return
	}
	s.subscribed++
	sub := subscription{s, v, s.subscribed}
	tr.add(sub)
	if tr.kind == media.Video {
		t.worker.post(func() { t.worker.join(sub, tr) })
	}
}

// shared returns the variant that is like fresh. plane.mu is held.
func (tr *track) shared(fresh variant) *variant {
	for _, v := range tr.variants {
		if v.same(&fresh) {
			return v
		}
	}
	v := &fresh
	tr.variants = append(tr.variants, v)
	return v
}

// add puts a subscription into the table. plane.mu is held.
func (tr *track) add(sub subscription) {
	sub.variant.users++
	tr.change(sub.sender.transport.worker.number, func(part []subscription) []subscription {
		return append(slices.Clip(part), sub) // a copy: readers have the old one
	})
}

// remove takes the sender's out again. plane.mu is held.
func (tr *track) remove(s *sender) {
	tr.change(s.transport.worker.number, func(part []subscription) []subscription {
		rest := make([]subscription, 0, len(part))
		for _, sub := range part {
			if sub.sender != s {
				rest = append(rest, sub)
			}
		}
		return rest
	})
	s.variant.users--
	tr.variants = slices.DeleteFunc(tr.variants, func(v *variant) bool { return v.users == 0 })
}

func (tr *track) change(worker int, f func([]subscription) []subscription) {
	fresh := slices.Clone(*tr.table.Load())
	fresh[worker] = f(fresh[worker])
	tr.table.Store(&fresh)
}
