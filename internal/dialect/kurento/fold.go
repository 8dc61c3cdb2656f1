package kurento

import (
	"cmp"
	"maps"
	"slices"
	"strconv"

	"switchboard/internal/core"
)

// This file is about rooms of many voices. Clients of this protocol show every
// participant and open a connection for each stream. When more than so many in a
// room publish sound and no picture, the client sees one participant in their
// stead, whose stream is the mix of them all. It stays so until the client
// leaves: a room that is about that full would come and go otherwise.

// fold is how many voices are shown to a client.
type fold struct {
	name string // of the one participant; empty: everybody is their own
	// voices are those who speak only, the client not among them, with their
	// names. Once there is the one, they are not told of. It is replaced, never
	// changed.
	voices map[core.ParticipantID]string
}

// folds tells whether somebody is not shown.
func (f *fold) folds(p core.ParticipantInfo) bool {
	_, voice := f.voices[p.ID]
	return f.name != "" && (voice || speaksOnly(p)) && !films(p)
}

func speaksOnly(p core.ParticipantInfo) bool {
	return !films(p) && slices.ContainsFunc(p.Publications, func(pub core.PublicationInfo) bool { return pub.Audio })
}

func films(p core.ParticipantInfo) bool {
	return slices.ContainsFunc(p.Publications, func(pub core.PublicationInfo) bool { return pub.Video })
}

// note remembers whether somebody is a voice.
func (f *fold) note(id core.ParticipantID, name string, voice bool) {
	f.voices = maps.Clone(f.voices)
	if f.voices == nil {
		f.voices = map[core.ParticipantID]string{}
	}
	if voice {
		f.voices[id] = name
	} else {
		delete(f.voices, id)
	}
}

// look brings the voices up to who is in the room.
func (c *conversation) look(all []core.ParticipantInfo) {
	before := c.fold
	c.fold.voices = map[core.ParticipantID]string{}
	for _, p := range all {
		if p.ID != c.me.ID() && (speaksOnly(p) || before.folds(p)) {
			c.fold.voices[p.ID] = p.Name
		}
	}
}

func (c *conversation) crowded() bool { return len(c.fold.voices) > c.o.MostVoices }

// membersShown lists who is in the room as the client sees it.
func (c *conversation) membersShown(room core.RoomInfo) []member {
	all := membersOf(room, func(p core.ParticipantInfo) bool { return p.ID != c.me.ID() && !c.fold.folds(p) })
	if c.fold.name != "" {
		all = append(all, member{ID: c.fold.name, Streams: []stream{{webcam}}})
	}
	return all
}

// free returns a name for the one participant that nobody in the room has.
func (c *conversation) free() string {
	name := "mix"
	for n := 2; ; n++ {
		if _, err := c.me.Lookup(name); err != nil && name != c.fold.name {
			return name
		}
		name = "mix-" + strconv.Itoa(n)
	}
}

// foldAll shows the one in the stead of the voices, which the client knows.
func (c *conversation) foldAll() {
	known := slices.SortedFunc(maps.Keys(c.fold.voices), func(a, b core.ParticipantID) int {
		return cmp.Compare(c.fold.voices[a], c.fold.voices[b])
	})
	for _, id := range known {
		c.write(left(c.fold.voices[id]))
		c.dropParticipant(id)
	}
	c.showMix()
}

func (c *conversation) showMix() {
	c.fold.name = c.free()
	c.keep()
	c.write(joined(c.fold.name))
	c.write(notification("participantPublished", publishedParams{c.fold.name, []stream{{webcam}}}))
}

// giveWay takes another name for the one when somebody of its name is shown.
func (c *conversation) giveWay(name string) {
	if c.fold.name == "" || c.fold.name != name {
		return
	}
	c.write(left(name))
	c.drop(func(e *endpoint) bool { return e.mix })
	c.showMix()
}

// voice looks at what an event says about a voice. It tells whether that is all
// the client hears of it.
func (c *conversation) voice(e *core.Event) bool {
	var p core.ParticipantInfo
	var room core.RoomID
	switch f := e.Fact.(type) {
	case core.ParticipantJoined:
		p, room = f.Participant, f.Room
	case core.ParticipantChanged:
		p, room = f.Participant, f.Room
	case core.TrackPublished:
		p, room = f.Participant, f.Room
	case core.TrackUnpublished:
		p, room = f.Participant, f.Room
	case core.ParticipantLeft:
		if _, is := c.fold.voices[f.Participant]; !is || f.Room != c.me.Room() {
			return false
		}
		c.fold.note(f.Participant, "", false)
		c.keep()
		return c.fold.name != ""
	default:
		return false
	}
	if room != c.me.Room() || p.ID == c.me.ID() {
		return false
	}
	return c.turned(p)
}

// turned notes whether somebody is a voice now.
func (c *conversation) turned(p core.ParticipantInfo) bool {
	_, was := c.fold.voices[p.ID]
	is := speaksOnly(p) || c.fold.folds(p)
	folded := c.fold.name != ""
	if is != was {
		c.fold.note(p.ID, p.Name, is)
		c.keep()
	}
	switch {
	case is && !was && folded:
		c.write(left(p.Name))
		c.dropParticipant(p.ID)
	case is && !was && c.crowded():
		c.foldAll()
	case is && folded:
	case was && folded: // and is to be seen now
		c.giveWay(p.Name)
		c.write(joined(p.Name))
		c.write(published(p))
	default:
		c.giveWay(p.Name)
		return false
	}
	return true
}

// namesMix tells whether a sender is the one.
func (c *conversation) namesMix(sender string) bool {
	return c.fold.name != "" && (sender == c.fold.name || sender == c.fold.name+"_"+webcam)
}

// receiveMix makes the one's endpoint hear the voices.
func (c *conversation) receiveMix(e *endpoint) *fault {
	if e.user != c.fold.name { // it gave way meanwhile
		return noSender(e.user, c.me.Room().Name())
	}
	err := c.me.HearMix(core.MixRequest{Transport: e.transport.ID(), Volume: 100, SoundOnly: true})
	switch {
	case err != nil && !c.me.Present():
		return notInRoom(c.key())
	case err != nil:
		return noEndpoint(e, err)
	}
	c.drop(func(o *endpoint) bool { return o.mix })
	c.endpoints = append(c.endpoints, *e)
	return nil
}
