package omikron_test

import (
	"encoding/json"
	"strings"
	"testing"
	"testing/synctest"

	"switchboard/internal/core"
	"switchboard/internal/dialect/talk"
	"switchboard/internal/media"
	"switchboard/internal/media/mediatest"
)

// withOutsider makes a server whose call group has a member of another protocol,
// who shows pictures, and a client in it.
func withOutsider(t testing.TB, e *mediatest.Engine) (s talk.Server, outsider *core.Connection, client *talk.Client) {
	t.Helper()
	s = build(t, map[string]string{"media": "server"}, e)
	outsider, err := s.Hub.Connect(core.ConnectRequest{Via: "other", Access: core.AccessOpen, Wake: func() {}, Overflow: func() {}})
	if err != nil {
		t.Fatal(err)
	}
	p, _, err := outsider.Session().Join(core.JoinRequest{Room: core.NewRoomID(core.DefaultRealm, "ca110000-0000-7000-8000-000000000007"), Name: "mia",
		Mode: core.ModeTalk, Create: &core.Policy{Media: core.MediaServer, Members: core.PermitTalk, Guests: core.PermitTalk}})
	if err != nil {
		t.Fatal(err)
	}
	line, err := outsider.Session().OpenTransport(media.TransportOptions{Receive: true})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := p.Publish(core.PublishRequest{Name: "webcam", Transport: line.ID(),
		Tracks: []media.Track{{ID: "a", Kind: media.Audio}, {ID: "v", Kind: media.Video}}}); err != nil {
		t.Fatal(err)
	}
	if client, err = s.Connect(s.Dialects[2], nil); err != nil {
		t.Fatal(err)
	}
	client.Send([]byte(asUser(faultAda, groupCall)))
	return s, outsider, client
}

// outsiderID is the id by which clients know mia.
const outsiderID = "b6f1b6a4-feea-81a5-9b3a-87d9c0da9a07"

// FuzzMember sends any lines as messages of a member for whom the server stands
// in for another.
func FuzzMember(f *testing.F) {
	for _, messages := range talk.Corpus(f, "testdata/*.talk") {
		f.Add(strings.ReplaceAll(messages, faultBob, outsiderID))
	}
	offer, _ := json.Marshal(talk.Offer("sendrecv", "audio", "video")) // a string always can be written
	to := `"data":{"receiver_id":"` + outsiderID + `",`
	f.Add(`{"type":"webrtc_sdp",` + to + `"payload":{"type":"offer","sdp":` + string(offer) + `}}}
{"type":"webrtc_ice",` + to + `"payload":{"candidate":"candidate:1 1 udp 1 127.0.0.1 9 typ host","sdpMid":"0","sdpMLineIndex":0}}}
{"type":"start_stream","data":{}}
{"type":"webrtc_sdp",` + to + `"screen_share":true,"payload":{"type":"offer","sdp":` + string(offer) + `}}}
{"type":"watch_stream",` + to + `"want_to_watch":true}}
{"type":"webrtc_sdp",` + to + `"screen_share":true,"payload":{"type":"answer","sdp":"v=0\r\nm=video 9 UDP/TLS/RTP/SAVPF 96\r\na=mid:0\r\na=recvonly\r\n"}}}
{"type":"end_stream","data":{}}`)
	f.Fuzz(func(t *testing.T, text string) {
		synctest.Test(t, func(t *testing.T) {
			e := &mediatest.Engine{}
			s, outsider, client := withOutsider(t, e)
			synctest.Wait()
			for line := range strings.Lines(text) {
				client.Send([]byte(line))
			}
			synctest.Wait()
			client.Hang(goodbye)
			for _, sent := range client.Take() {
				if sent.Text != nil && !json.Valid(sent.Text) {
					t.Errorf("a member was sent what is not JSON: %s", sent.Text)
				}
			}
			outsider.Close()
			if err := s.Hub.Close(); err != nil {
				t.Error(err)
			}
			talk.LeftOver(t, s, e)
		})
	})
}

// TestAnotherPicture: when what a member of another protocol shows is replaced,
// who watches goes on watching; when there is nothing more, that is the end.
func TestAnotherPicture(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := &mediatest.Engine{}
		s, outsider, client := withOutsider(t, e)
		say := func(m string) {
			client.Send([]byte(m))
			synctest.Wait()
		}
		synctest.Wait()
		say(`{"type":"watch_stream","data":{"receiver_id":"` + outsiderID + `","want_to_watch":true}}`)
		say(`{"type":"webrtc_sdp","data":{"receiver_id":"` + outsiderID + `","screen_share":true,"payload":{"type":"answer","sdp":"v=0\r\nm=video 9 UDP/TLS/RTP/SAVPF 96\r\na=mid:0\r\na=recvonly\r\n"}}}`)
		p := outsider.Session().Participants()[0]
		line, err := outsider.Session().OpenTransport(media.TransportOptions{Receive: true})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := p.Publish(core.PublishRequest{Name: "screen", Transport: line.ID(), Tracks: []media.Track{{ID: "s", Kind: media.Video}}}); err != nil {
			t.Fatal(err)
		}
		if err := p.Unpublish("webcam"); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		if got := e.Transport(2).Receives(); len(got) != 1 || got[0] != "s" {
			t.Errorf("who watches receives %v", got)
		}
		if err := p.Unpublish("screen"); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		told := client.Take()
		if last := string(told[len(told)-1].Text); !strings.Contains(last, `"type":"end_stream"`) || e.Opened() != 2 {
			t.Errorf("in the end the client is told %s, and %d transports are open, want the outsider's two", last, e.Opened())
		}
		client.Hang(goodbye)
		outsider.Close()
		if err := s.Hub.Close(); err != nil {
			t.Error(err)
		}
	})
}
