package rtc_test

import (
	"bytes"
	"fmt"
	"testing"
	"time"

	"github.com/pion/webrtc/v4"

	"switchboard/internal/media"
	"switchboard/internal/media/rtc"
)

// received is a message that a peer got.
type received struct {
	label, protocol string
	text            bool
	data            string
}

// messages collects what arrives on a peer's channels.
func (p *peer) messages() chan received {
	got := make(chan received, 1024)
	p.OnDataChannel(func(d *webrtc.DataChannel) { collect(d, got) })
	return got
}

func collect(d *webrtc.DataChannel, got chan received) {
	d.OnMessage(func(m webrtc.DataChannelMessage) {
		select {
		case got <- received{d.Label(), d.Protocol(), m.IsString, string(m.Data)}:
		default:
		}
	})
}

// channel opens a channel and waits until it is open.
func (p *peer) channel(label, protocol string) (*webrtc.DataChannel, chan struct{}) {
	p.t.Helper()
	d, err := p.CreateDataChannel(label, &webrtc.DataChannelInit{Protocol: &protocol})
	if err != nil {
		p.t.Fatal(err)
	}
	ready := make(chan struct{})
	d.OnOpen(func() { close(ready) })
	return d, ready
}

func next(t *testing.T, got chan received) received {
	t.Helper()
	select {
	case m := <-got:
		return m
	case <-time.After(patience):
		t.Fatal("no message")
		return received{}
	}
}

// TestBridge: messages of a channel reach those who are to receive them, on a
// channel of the same name, text as text and bytes as bytes, long and empty
// ones too, in order; nobody else.
func TestBridge(t *testing.T) {
	e, _ := start(t, rtc.Options{})
	from, to, other := newPeer(t, peerOptions{}), newPeer(t, peerOptions{}), newPeer(t, peerOptions{})
	got, none := to.messages(), other.messages()
	d, ready := from.channel("mia_webcam_0", "chat")
	mine, mineReady := to.channel("zoe_webcam_0", "")
	_, otherReady := other.channel("x", "")
	o := media.TransportOptions{Data: true}
	for p, id := range map[*peer]media.TransportID{from: "from", to: "to", other: "other"} {
		if a := p.negotiate(open(t, e, id, o)); !a.Data {
			t.Fatal("no data channels")
		}
	}
	e.Apply(media.Routes{Room: "room", Revision: 2, Receptions: []media.Reception{{To: "to", Data: []media.TransportID{"from"}}}})
	e.Apply(media.Routes{Room: "room", Revision: 1, Receptions: []media.Reception{{To: "to"}, {To: "other", Data: []media.TransportID{"nobody"}}}})
	<-ready
	<-mineReady
	<-otherReady
	long := string(bytes.Repeat([]byte("long"), 15000))
	for _, m := range []received{{text: true, data: "hello"}, {data: "\x00\x01\xff"}, {text: true}, {}, {text: true, data: long}, {text: true, data: "end"}} {
		var err error
		if m.text {
			err = d.SendText(m.data)
		} else {
			err = d.Send([]byte(m.data))
		}
		if err != nil {
			t.Fatal(err)
		}
		m.label, m.protocol = "mia_webcam_0", "chat"
		if r := next(t, got); r != m {
			t.Fatalf("got %.80v, want %.80v", r, m)
		}
	}
	if err := mine.SendText("back"); err != nil { // nobody receives to's
		t.Fatal(err)
	}
	if err := d.SendText("after"); err != nil {
		t.Fatal(err)
	}
	if r := next(t, got); r.data != "after" {
		t.Errorf("got %v", r)
	}
	if len(none) != 0 {
		t.Error("somebody got what was not for them")
	}
}

// TestEcho: with loopback a peer's messages come back on the channel they went
// out on.
func TestEcho(t *testing.T) {
	e, _ := start(t, rtc.Options{})
	p := newPeer(t, peerOptions{})
	got := make(chan received, 1)
	d, ready := p.channel("mia_webcam_0", "")
	collect(d, got)
	p.negotiate(open(t, e, "t", media.TransportOptions{Data: true}))
	e.Apply(media.Routes{Room: "room", Revision: 1, Receptions: []media.Reception{{To: "t", Data: []media.TransportID{"t"}}}})
	<-ready
	if err := d.SendText("hello"); err != nil {
		t.Fatal(err)
	}
	if r := next(t, got); r.data != "hello" {
		t.Errorf("got %v", r)
	}
}

// TestChannelsAreBounded: a peer that opens channels without end gets so many
// and no more, and its first one goes on.
func TestChannelsAreBounded(t *testing.T) {
	e, _ := start(t, rtc.Options{})
	p := newPeer(t, peerOptions{})
	d, ready := p.channel("first", "")
	got := make(chan received, 1)
	collect(d, got)
	p.negotiate(open(t, e, "t", media.TransportOptions{Data: true}))
	e.Apply(media.Routes{Room: "room", Revision: 1, Receptions: []media.Reception{{To: "t", Data: []media.TransportID{"t"}}}})
	<-ready
	closed := make(chan struct{}, 100)
	for i := range 40 {
		more, _ := p.channel(fmt.Sprint("more", i), "")
		more.OnClose(func() { closed <- struct{}{} })
	}
	for range 40 - 15 {
		select {
		case <-closed:
		case <-time.After(patience):
			t.Fatal("channels beyond the limit stay open")
		}
	}
	if err := d.SendText("still here"); err != nil {
		t.Fatal(err)
	}
	if r := next(t, got); r.data != "still here" {
		t.Errorf("got %v", r)
	}
}

// TestWithoutData: where data channels are not wanted their line is rejected and
// the rest goes on.
func TestWithoutData(t *testing.T) {
	e, sink := start(t, rtc.Options{})
	p := newPeer(t, peerOptions{})
	p.channel("mia_webcam_0", "")
	p.sends(opus, sends)
	if a := p.negotiate(open(t, e, "t", media.TransportOptions{Receive: true})); a.Data {
		t.Error("data channels were accepted")
	}
	await[media.Connected](t, sink, "t")
}

// TestSlowReceiver: somebody who does not read holds nobody up; they miss
// messages.
func TestSlowReceiver(t *testing.T) {
	e, _ := start(t, rtc.Options{})
	from, fast, slow := newPeer(t, peerOptions{}), newPeer(t, peerOptions{}), newPeer(t, peerOptions{deaf: true})
	got := fast.messages()
	d, ready := from.channel("chat", "")
	_, fastReady := fast.channel("", "")
	_, slowReady := slow.channel("", "")
	for p, id := range map[*peer]media.TransportID{from: "from", fast: "fast", slow: "slow"} {
		p.negotiate(open(t, e, id, media.TransportOptions{Data: true}))
	}
	e.Apply(media.Routes{Room: "room", Revision: 1, Receptions: []media.Reception{
		{To: "slow", Data: []media.TransportID{"from"}}, {To: "fast", Data: []media.TransportID{"from"}},
	}})
	<-ready
	<-fastReady
	<-slowReady
	long := string(bytes.Repeat([]byte("long"), 8000))
	for range 100 { // three times what is held for one
		if err := d.SendText(long); err != nil {
			t.Fatal(err)
		}
		next(t, got)
	}
}
