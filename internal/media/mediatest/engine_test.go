package mediatest_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"go.uber.org/goleak"

	"switchboard/internal/media"
	"switchboard/internal/media/mediatest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// heard keeps what an engine posts.
type heard []media.Event

func (h *heard) Post(e media.Event) { *h = append(*h, e) }

func open(t *testing.T, e *mediatest.Engine, id media.TransportID, o media.TransportOptions) (media.Transport, *mediatest.Transport) {
	t.Helper()
	m, err := e.Open(id, o)
	if err != nil {
		t.Fatal(err)
	}
	all := e.Transports()
	return m, all[len(all)-1]
}

func start(t *testing.T) (*mediatest.Engine, *heard) {
	t.Helper()
	e, h := &mediatest.Engine{}, &heard{}
	if _, err := e.Start(h); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = e.Close() })
	return e, h
}

// offer writes a description with a line for each kind.
func offer(direction string, kinds ...string) string {
	var b strings.Builder
	b.WriteString("v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\n")
	for i, kind := range kinds {
		fmt.Fprintf(&b, "m=%s 9 UDP/TLS/RTP/SAVPF 111\r\na=mid:%d\r\na=%s\r\n", kind, i, direction)
	}
	return b.String()
}

func TestAnswers(t *testing.T) {
	tests := map[string]struct {
		options media.TransportOptions
		offer   string
		tracks  []media.TrackID
		sends   []media.Kind
		data    bool
		want    []string // in the description
	}{
		"publisher":       {media.TransportOptions{Receive: true}, offer("sendonly", "audio", "video"), []media.TrackID{"T1/0", "T1/1"}, nil, false, []string{"s=T1", "m=audio 9 UDP/TLS/RTP/SAVPF 111", "a=recvonly", "a=group:BUNDLE 0 1"}},
		"subscriber":      {media.TransportOptions{Send: true}, offer("recvonly", "audio", "video"), nil, []media.Kind{media.Audio, media.Video}, false, []string{"a=sendonly"}},
		"both ways":       {media.TransportOptions{Receive: true, Send: true}, offer("sendrecv", "audio"), []media.TrackID{"T1/0"}, []media.Kind{media.Audio}, false, []string{"a=sendrecv"}},
		"nothing wanted":  {media.TransportOptions{Send: true}, offer("sendonly", "audio"), nil, nil, false, []string{"a=inactive"}},
		"data":            {media.TransportOptions{Receive: true, Data: true}, offer("sendonly", "audio", "application"), []media.TrackID{"T1/0"}, nil, true, []string{"m=application 9"}},
		"data not wanted": {media.TransportOptions{Receive: true}, offer("sendonly", "audio", "application"), []media.TrackID{"T1/0"}, nil, false, []string{"m=application 0"}},
		"no direction":    {media.TransportOptions{Receive: true}, "v=0\r\nm=video 9 UDP/TLS/RTP/SAVPF 96\r\na=mid:v\r\n", []media.TrackID{"T1/v"}, nil, false, []string{"a=mid:v"}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			e, _ := start(t)
			m, _ := open(t, e, "x", test.options)
			a, err := m.Answer(context.Background(), test.offer)
			if err != nil {
				t.Fatal(err)
			}
			var tracks []media.TrackID
			for _, track := range a.Tracks {
				tracks = append(tracks, track.ID)
			}
			if diff := cmp.Diff(test.tracks, tracks, cmpopts.EquateEmpty()); diff != "" {
				t.Errorf("tracks (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(test.sends, a.Sends, cmpopts.EquateEmpty()); diff != "" {
				t.Errorf("sends (-want +got):\n%s", diff)
			}
			if a.Data != test.data {
				t.Errorf("data: want %t, got %t", test.data, a.Data)
			}
			for _, want := range test.want {
				if !strings.Contains(a.SDP, want+"\r\n") && !strings.Contains(a.SDP, want+" ") {
					t.Errorf("want %q in\n%s", want, a.SDP)
				}
			}
		})
	}
}

func TestUnusableDescriptions(t *testing.T) {
	for name, offer := range map[string]string{"empty": "", "words": "hello", "no line": "v=0\r\ns=-\r\n", "short line": "v=0\r\nm=audio\r\n",
		"too many lines": "v=0\r\n" + strings.Repeat("m=audio 9 X 0\r\n", 500)} {
		e, _ := start(t)
		m, _ := open(t, e, "x", media.TransportOptions{Receive: true})
		if _, err := m.Answer(context.Background(), offer); !errors.Is(err, media.ErrDescription) {
			t.Errorf("%s: want ErrDescription, got %v", name, err)
		}
	}
}

// Routes may arrive out of order: the newest of a room and a transport counts.
func TestRoutesHonourRevisions(t *testing.T) {
	e, _ := start(t)
	_, a := open(t, e, "a", media.TransportOptions{Send: true})
	apply := func(room media.RoomID, revision uint64, to media.TransportID, tracks ...media.TrackID) {
		e.Apply(media.Routes{Room: room, Revision: revision, Receptions: []media.Reception{{To: to, Forward: tracks}}})
	}
	want := func(tracks ...media.TrackID) {
		t.Helper()
		if diff := cmp.Diff(tracks, a.Receives(), cmpopts.EquateEmpty()); diff != "" {
			t.Errorf("receives (-want +got):\n%s", diff)
		}
	}
	apply("r", 2, "a", "y")
	apply("r", 1, "a", "x")
	want("y")
	apply("s", 1, "a", "z")
	want("y", "z")
	apply("r", 3, "a")
	want("z")
	apply("r", 4, "unknown", "x")
	if err := a.Close(); err != nil {
		t.Fatal(err)
	}
	apply("r", 5, "a", "x")
	want()
}

func TestAnswersThatWaitOrFail(t *testing.T) {
	e, _ := start(t)
	m, a := open(t, e, "a", media.TransportOptions{Receive: true})
	e.FailAnswers(media.ErrState)
	if _, err := m.Answer(context.Background(), offer("sendonly", "audio")); !errors.Is(err, media.ErrState) {
		t.Errorf("want ErrState, got %v", err)
	}
	e.Hold()
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := m.Answer(ctx, offer("sendonly", "audio")); !errors.Is(err, context.Canceled) {
		t.Errorf("want the context's error, got %v", err)
	}
	result := make(chan error)
	go func() {
		_, err := m.Answer(context.Background(), offer("sendonly", "audio"))
		result <- err
	}()
	if err := a.Close(); err != nil {
		t.Fatal(err)
	}
	if err := <-result; !errors.Is(err, media.ErrClosed) {
		t.Errorf("want ErrClosed, got %v", err)
	}
	if err := m.AddCandidate(media.Candidate{Candidate: "candidate:1"}); !errors.Is(err, media.ErrClosed) {
		t.Errorf("candidate after close: want ErrClosed, got %v", err)
	}
}

func TestEventsAsTold(t *testing.T) {
	e, h := start(t)
	m, a := open(t, e, "a", media.TransportOptions{Receive: true})
	if _, err := m.Answer(context.Background(), offer("sendonly", "video", "audio")); err != nil {
		t.Fatal(err)
	}
	found := media.Candidate{Candidate: "candidate:1", Mid: "0"}
	a.Find(found)
	a.Connect()
	a.Talk(true)
	a.Fail("gone")
	want := heard{media.CandidateFound{Transport: "a", Candidate: found}, media.Connected{Transport: "a"},
		media.TalkingChanged{Transport: "a", Track: "T1/1", Talking: true}, media.Failed{Transport: "a", Reason: "gone"}}
	if diff := cmp.Diff(want, *h); diff != "" {
		t.Errorf("events (-want +got):\n%s", diff)
	}
	if got := m.Stats().State; got != "failed" {
		t.Errorf("state: want failed, got %s", got)
	}
	if _, err := e.Open("b", media.TransportOptions{}); err != nil || e.Opened() != 2 {
		t.Errorf("want 2 open, got %d: %v", e.Opened(), err)
	}
	if err := e.Close(); err != nil || e.Opened() != 0 {
		t.Errorf("want none open, got %d: %v", e.Opened(), err)
	}
	if _, err := e.Open("c", media.TransportOptions{}); !errors.Is(err, media.ErrClosed) {
		t.Errorf("want ErrClosed, got %v", err)
	}
}
