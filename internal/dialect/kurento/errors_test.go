package kurento

import (
	"errors"
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"

	"switchboard/internal/core"
)

// Each kind of error of the core has one code, whatever verb it came from.
func TestFaults(t *testing.T) {
	tests := []struct {
		err  error
		want fault
	}{
		{&core.Error{Kind: core.Invalid, Subject: core.AboutName, Text: "empty user name is not allowed"}, fault{code: 999, message: "Empty user name is not allowed"}},
		{&core.Error{Kind: core.Invalid, Subject: core.AboutLimit, Text: "a message can have at most 5 bytes"}, fault{code: 999, message: "A message can have at most 5 bytes"}},
		{&core.Error{Kind: core.Invalid, Subject: core.AboutTransport, Text: "no"}, fault{code: 302, message: "No"}},
		{&core.Error{Kind: core.Denied, Subject: core.AboutPermission, Text: "you may not"}, fault{code: 101, message: "You may not"}},
		{&core.Error{Kind: core.NotFound, Subject: core.AboutRoom, Text: "room 'x' not found"}, fault{code: 202, message: "Room 'x' not found"}},
		{&core.Error{Kind: core.NotFound, Subject: core.AboutParticipant, Text: "x"}, fault{code: 102, message: "X"}},
		{&core.Error{Kind: core.NotFound, Subject: core.AboutPublication, Text: "x"}, fault{code: 105, message: "X"}},
		{&core.Error{Kind: core.NotFound, Subject: core.AboutTransport, Text: "x"}, fault{code: 304, message: "X"}},
		{&core.Error{Kind: core.Conflict, Subject: core.AboutName, Text: "x"}, fault{code: 104, message: "X"}},
		{&core.Error{Kind: core.Conflict, Subject: core.AboutPublication, Text: "x"}, fault{code: 303, message: "X"}},
		{&core.Error{Kind: core.Unavailable, Subject: core.AboutRoom, Text: "x"}, fault{code: 204, message: "X"}},
		{&core.Error{Kind: core.Unavailable, Subject: core.AboutLimit, Text: "'x' is behind with reading"}, fault{code: 201, message: "'x' is behind with reading"}},
		{&core.Error{Kind: core.Unavailable, Subject: core.AboutRequest, Text: "x"}, fault{code: 203, message: "X"}},
		{fmt.Errorf("publish: %w", &core.Error{Kind: core.Denied, Text: "x"}), fault{code: 101, message: "X"}},
		{errors.New("disk on fire"), fault{code: -32603, message: "Internal error"}},
	}
	for _, test := range tests {
		if diff := cmp.Diff(test.want, *faultOf(test.err), cmp.AllowUnexported(fault{})); diff != "" {
			t.Errorf("%v (-want +got):\n%s", test.err, diff)
		}
	}
}

func TestFaultsOfJoining(t *testing.T) {
	tests := []struct {
		err       error
		mayCreate bool
		want      fault
	}{
		{&core.Error{Kind: core.Unavailable, Subject: core.AboutRequest}, true, fault{code: 203, message: "'mia' is trying to join room 'kiosk' but it is closing"}},
		{&core.Error{Kind: core.NotFound, Subject: core.AboutRoom, Text: "x"}, true, fault{code: 202, message: "X"}},
		{errors.New("x"), true, fault{code: -32603, message: "Internal error"}},
	}
	for _, test := range tests {
		if diff := cmp.Diff(test.want, *joinFault(test.err, "mia", "kiosk", test.mayCreate), cmp.AllowUnexported(fault{})); diff != "" {
			t.Errorf("%v (-want +got):\n%s", test.err, diff)
		}
	}
}

// A view to which events are applied that it shows already is the same as one
// to which only the others are.
func TestViewTakesEventsTwice(t *testing.T) {
	person := func(id string, streams ...string) core.ParticipantInfo {
		p := core.ParticipantInfo{ID: core.ParticipantID(id), Name: id}
		for _, s := range streams {
			p.Publications = append(p.Publications, core.PublicationInfo{ID: core.PublicationID(s), Name: "webcam"})
		}
		return p
	}
	event := func(f core.Fact) *core.Event { return &core.Event{Fact: f} }
	events := []*core.Event{
		event(core.ParticipantJoined{Participant: person("a")}),
		event(core.TrackPublished{Participant: person("a", "1")}),
		event(core.ParticipantJoined{Participant: person("b")}),
		event(core.TrackUnpublished{Participant: person("a")}),
		event(core.ParticipantLeft{Participant: "b"}),
		event(core.TrackPublished{Participant: person("a", "2")}),
		event(core.ParticipantChanged{Participant: person("c")}),
		event(core.MessageSent{}),
	}
	want := view(nil).with(events)
	if diff := cmp.Diff(view{person("a", "2"), person("c")}, want); diff != "" {
		t.Fatalf("all events (-want +got):\n%s", diff)
	}
	for n := range len(events) + 1 {
		if diff := cmp.Diff(want, view(nil).with(events[:n]).with(events)); diff != "" {
			t.Errorf("snapshot after %d events (-want +got):\n%s", n, diff)
		}
	}
}

func TestUfrags(t *testing.T) {
	offer := "v=0\r\na=ice-ufrag:one\r\nm=audio\r\na=ice-ufrag:two \r\nm=video\r\na=ice-ufrag:one"
	if got, want := ufragsOf(offer), " one two "; got != want {
		t.Errorf("of an offer: want %q, got %q", want, got)
	}
	for candidate, want := range map[string]string{"": "", "candidate:1 1 udp 1 127.0.0.1 5 typ host": "",
		"candidate:1 1 udp 1 127.0.0.1 5 typ host ufrag one network-id 2": "one", "candidate:1 ufrag two": "two", "candidate:1 ufrag ": ""} {
		if got := ufragOf(candidate); got != want {
			t.Errorf("of %q: want %q, got %q", candidate, want, got)
		}
	}
}
