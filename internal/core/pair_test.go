package core_test

import (
	"slices"
	"testing"

	"switchboard/internal/core"
	"switchboard/internal/media"
)

// exchanges lists the transports whose data channel messages a transport gets.
func (e *engine) exchanges(with media.TransportID) []media.TransportID {
	e.mu.Lock()
	defer e.mu.Unlock()
	var all []media.TransportID
	for key, rec := range e.rooms {
		if key.to == with {
			all = append(all, rec.Data...)
		}
	}
	return all
}

func TestPairsExchangeMessages(t *testing.T) {
	h := newHouse(t, nil)
	ada, bob, eve := h.connect(t), h.connect(t), h.connect(t)
	a, _ := ada.join(t, joinAs("ada"))
	b, _ := bob.join(t, joinAs("bob"))
	e, _ := eve.join(t, joinAs("eve"))
	toBob, toEve, toAda, fromEve := ada.transport(t), ada.transport(t), bob.transport(t), eve.transport(t)
	pair := func(p *core.Participant, with *core.Participant, over *core.Transport) {
		t.Helper()
		if err := p.Pair(with.ID(), over.ID()); err != nil {
			t.Fatal(err)
		}
	}
	check := func(over *core.Transport, want ...*core.Transport) {
		t.Helper()
		var ids []media.TransportID
		for _, w := range want {
			ids = append(ids, w.ID())
		}
		if got := h.engine.exchanges(over.ID()); !slices.Equal(got, ids) {
			t.Errorf("exchanges with %q, want %q", got, ids)
		}
	}
	pair(a, b, toBob)
	check(toBob) // until bob wants it too
	pair(b, a, toAda)
	pair(a, e, toEve)
	pair(e, a, fromEve)
	check(toBob, toAda)
	check(toAda, toBob)
	check(toEve, fromEve) // and nobody hears of what is for another
	again := bob.transport(t)
	pair(b, a, again)
	check(toBob, again)
	check(toAda)
	toBob.Close()
	check(again)
	e.Leave()
	check(toEve)
	check(fromEve)
	pair(a, b, toEve)
	check(toEve, again)
	bob.Close()
	check(toEve)
	if got := h.engine.routes(); got != 0 {
		t.Errorf("%d routes left", got)
	}
}

func TestPairsThatCannotBe(t *testing.T) {
	h := newHouse(t, nil)
	ada, bob := h.connect(t), h.connect(t)
	a, _ := ada.join(t, joinAs("ada"))
	b, _ := bob.join(t, joinAs("bob"))
	over := ada.transport(t)
	wantKind(t, a.Pair("nobody", over.ID()), core.NotFound, core.AboutParticipant)
	wantKind(t, a.Pair(a.ID(), over.ID()), core.NotFound, core.AboutParticipant)
	wantKind(t, b.Pair(a.ID(), over.ID()), core.NotFound, core.AboutTransport) // somebody else's
	a.Leave()
	wantKind(t, a.Pair(b.ID(), over.ID()), core.NotFound, core.AboutParticipant)
	r := joinAs("ada")
	r.Room, r.Create.Media = core.NewRoomID(core.DefaultRealm, "private"), core.MediaPeer
	p, _ := ada.join(t, r)
	wantKind(t, p.Pair("nobody", over.ID()), core.Denied, core.AboutRoom)
}
