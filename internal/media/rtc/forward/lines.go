package forward

import (
	"slices"

	"github.com/pion/interceptor/pkg/twcc"

	"switchboard/internal/media"
)

// SetLines says what was negotiated; the engine calls it after each answer, one
// call at a time. The plane keeps the slices, which must not change any more.
func (t *Transport) SetLines(lines []Line) {
	t.plane.mu.Lock()
	defer t.plane.mu.Unlock()
	if !t.closed {
		t.setLines(slices.Clone(lines))
	}
}

// setLines is SetLines under plane.mu.
func (t *Transport) setLines(lines []Line) {
	t.setSenders(lines)
	t.assign()
	started, changed, ended := t.setTracks(lines)
	t.plane.refresh()
	// Others hear of it when it is all true.
	for _, tr := range ended {
		t.plane.rearrange(tr.id)
	}
	for _, tr := range append(started, changed...) {
		t.plane.rearrange(tr.id)
	}
}

// rearrange lets those who want a track have it, or no longer. p.mu is held.
func (p *Plane) rearrange(id media.TrackID) {
	for t := range p.wants[id] {
		t.assign()
	}
}

// setSenders makes the senders those of the lines. plane.mu is held.
func (t *Transport) setSenders(lines []Line) {
	var now []*sender
	for i := range lines {
		if l := &lines[i]; l.Sends {
			if s := t.senderFor(l); s != nil && !slices.Contains(now, s) {
				s.line = l
				now = append(now, s)
			}
		}
	}
	for _, s := range t.senders {
		if !slices.Contains(now, s) {
			s.follow(nil)
		}
	}
	t.senders = now
	if len(now) > 0 {
		t.reporter.Store(now[0].ssrc)
	}
	t.in.mu.Lock()
	t.in.senders = now
	t.in.mu.Unlock()
	t.worker.post(func() { t.out.senders = now })
}

// senderFor returns the sender of a line's SSRC. It is the same for as long as
// the transport lives, even if the line was gone meanwhile: under one key an
// SSRC must never begin to count anew. For the same reason two lines cannot
// share one; the second is not served. plane.mu is held.
func (t *Transport) senderFor(l *Line) *sender {
	repair := l.SendRTXSSRC
	for _, s := range t.known {
		switch {
		case s.ssrc == l.SendSSRC && s.kind == l.Kind:
			return s
		case s.ssrc == l.SendSSRC || s.repairSSRC == l.SendSSRC:
			return nil
		case repair == s.ssrc || repair == s.repairSSRC:
			repair = 0
		}
	}
	if repair == l.SendSSRC {
		repair = 0
	}
	s := &sender{transport: t, kind: l.Kind, ssrc: l.SendSSRC, repairSSRC: repair}
	t.known = append(t.known, s)
	return s
}

// setTracks makes the tracks those of the lines, and returns the new ones, those
// that go on, and those that ended. plane.mu is held.
func (t *Transport) setTracks(lines []Line) (started, changed, ended []*track) {
	p, in := t.plane, &t.in
	in.mu.Lock()
	defer in.mu.Unlock()
	former := t.tracks
	t.tracks = nil
	for i := range lines {
		l := &lines[i]
		if l.Track == "" || slices.ContainsFunc(t.tracks, func(tr *track) bool { return tr.id == l.Track }) {
			continue
		}
		tr := p.tracks[l.Track]
		switch {
		case tr == nil:
			tr = newTrack(t, l)
			p.tracks[l.Track] = tr
			started = append(started, tr)
		case tr.owner != t || tr.kind != l.Kind:
			continue
		default:
			changed = append(changed, tr)
		}
		tr.configure(l)
		t.tracks = append(t.tracks, tr)
	}
	for _, tr := range former {
		if !slices.Contains(t.tracks, tr) {
			delete(p.tracks, tr.id)
			t.lost.Add(tr.receipt.allLost())
			tr.cache.close()
			ended = append(ended, tr)
		}
	}
	in.tracks = t.tracks
	in.learn(t.reporter.Load())
	return started, changed, ended
}

// learn prepares what is asked for each packet. in.mu is held.
func (in *ingress) learn(reporter uint32) {
	a, transportCC := agree(in.tracks)
	in.agreed = a
	if !transportCC {
		in.transportCC = nil
	} else if in.transportCC == nil {
		in.transportCC = twcc.NewRecorder(reporter)
	}
	for ssrc, s := range in.streams {
		if s.track == nil {
			continue
		}
		if a == nil || !slices.Contains(in.tracks, s.track) {
			s.track = nil // to be bound anew
		} else if d, declared := a.ssrcs[ssrc]; declared && d.track != s.track {
			s.track = nil
		}
	}
}

// agree makes the agreement about some tracks, and tells whether there is
// transport-wide feedback.
func agree(tracks []*track) (a *agreement, transportCC bool) {
	if len(tracks) == 0 {
		return nil, false
	}
	a = &agreement{mids: make(map[string]*track), ssrcs: make(map[uint32]declaration)}
	var twice [128]bool
	for _, tr := range tracks {
		l := tr.line
		if l.Mid != "" {
			a.mids[l.Mid] = tr
		}
		if l.SSRC != 0 {
			a.ssrcs[l.SSRC] = declaration{track: tr}
		}
		if l.RTXSSRC != 0 {
			a.ssrcs[l.RTXSSRC] = declaration{tr, true}
		}
		for _, e := range l.Extensions {
			a.roles[e.ID] = elementOf(e.URI)
			transportCC = transportCC || e.URI == uriTransportCC
		}
		for kind := range tr.formats {
			switch {
			case tr.formats[kind].codec == nil || twice[kind]:
			case a.types[kind] != nil:
				a.types[kind], twice[kind] = nil, true
			default:
				a.types[kind] = tr
			}
		}
	}
	return a, transportCC
}
