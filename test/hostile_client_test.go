package test

import (
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"os"
	"regexp"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gorilla/websocket"
	"github.com/pion/ice/v4"
	"github.com/pion/logging"
	"github.com/pion/webrtc/v4"
	"github.com/pion/webrtc/v4/pkg/media"

	"switchboard/internal/app"
	"switchboard/internal/config"
)

// victim is a server under attack, with two people on it whom nothing of that
// may concern.
type victim struct {
	*running
	ada, bob   *member
	talks      *speaker // ada's
	hears      *speaker // bob's
	said       int
	goroutines int
	files      int
	heap       uint64
	mediaPort  *net.UDPAddr
}

// attacked runs a server with its witnesses, and notes what it needs for them.
func attacked(t *testing.T, change func(*config.Config, *app.Options)) *victim {
	t.Helper()
	v := &victim{running: run(t, func(c *config.Config, o *app.Options) {
		c.Demo = false
		if change != nil {
			change(c, o)
		}
	})}
	v.ada, v.bob = join(t, v.room, "ada", "witness"), join(t, v.room, "bob", "witness")
	v.talks, v.hears = newSpeaker(t), newSpeaker(t)
	answer := v.talks.publish(v.ada, "ada")
	v.hears.receive(v.bob, "ada")
	found := regexp.MustCompile(`a=candidate:\S+ \d udp \d+ (\S+) (\d+) typ host`).FindStringSubmatch(answer)
	if found == nil {
		t.Fatalf("no candidate in %s", answer)
	}
	number, err := strconv.Atoi(found[2])
	if err != nil {
		t.Fatal(err)
	}
	v.mediaPort = &net.UDPAddr{IP: net.ParseIP(found[1]), Port: number}
	v.unaffected(t)
	v.goroutines, v.files, v.heap = runtime.NumGoroutine(), openFiles(t), heap()
	return v
}

// unaffected wants the witnesses to chat and to hear each other.
func (v *victim) unaffected(t *testing.T) {
	t.Helper()
	v.said++
	text := fmt.Sprintf("still here %d", v.said)
	begin := time.Now()
	(&member{t, v.ada.Conn}).say(chat("ada", "witness", text))
	(&member{t, v.bob.Conn}).want(`"` + text + `"`)
	(&member{t, v.ada.Conn}).want(`"` + text + `"`)
	if took := time.Since(begin); took > 3*time.Second {
		t.Errorf("a line of chat took %v", took)
	}
	before := v.hears.heard.Load()
	waitFor(t, "bob hears ada", func() bool { return v.hears.heard.Load() > before+10 })
}

// slack is for what comes and goes by itself: timers of ICE, runtime.
const slack = 6

// restored wants nothing of an attack to be left: no session but those of the
// witnesses, and as many goroutines, descriptors and as much memory as before.
func (v *victim) restored(t *testing.T) {
	t.Helper()
	v.unaffected(t)
	waitFor(t, "only the witnesses have sessions, rooms and media", func() bool {
		m := v.metrics(t)
		return m["switchboard_sessions"] == 2 && m["switchboard_rooms"] == 1 && m["switchboard_participants"] == 2 &&
			m["switchboard_transports"] == 2 && m["switchboard_subscriptions"] == 1 && m[`switchboard_connections{dialect="kurento"}`] == 2
	})
	waitFor(t, "goroutines and descriptors are given back", func() bool {
		return runtime.NumGoroutine() <= v.goroutines+slack && openFiles(t) <= v.files+slack
	})
	if now := heap(); now > v.heap+16<<20 {
		t.Errorf("heap grew from %d to %d KiB", v.heap>>10, now>>10)
	}
}

// metrics returns every sample by name and labels.
func (v *victim) metrics(t *testing.T) map[string]float64 {
	t.Helper()
	status, body := get(t, v.page+"/metrics")
	if status != http.StatusOK {
		t.Fatalf("metrics: %d", status)
	}
	all := map[string]float64{}
	for line := range strings.Lines(body) {
		name, value, found := strings.Cut(strings.TrimSpace(line), " ")
		if n, err := strconv.ParseFloat(value, 64); found && err == nil && name != "#" {
			all[name] = n
		}
	}
	return all
}

// host is where pages and sockets are served.
func (v *victim) host() string { return strings.TrimPrefix(v.page, "http://") }

func heap() uint64 {
	runtime.GC()
	runtime.GC() // pools let go at the second
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

func openFiles(t *testing.T) int {
	t.Helper()
	all, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Skipf("descriptors cannot be counted here: %v", err)
	}
	return len(all)
}

func chat(user, room, text string) string {
	return fmt.Sprintf(`{"jsonrpc":"2.0","id":9,"method":"sendMessage","params":{"message":%q,"userMessage":%q,"roomMessage":%q}}`, text, user, room)
}

// reply is what came of a request.
type reply struct {
	ID     json.RawMessage `json:"id"`
	Result struct {
		SDPAnswer string `json:"sdpAnswer"`
		SessionID string `json:"sessionId"`
	} `json:"result"`
	Error *struct {
		Code    int    `json:"code"`
		Message string `json:"message"`
	} `json:"error"`
	Method string `json:"method"`
}

func (r *reply) code() int {
	if r.Error == nil {
		return 0
	}
	return r.Error.Code
}

// response reads until a message comes that is no event: the answer to text.
func (m *member) response(text string) reply {
	m.t.Helper()
	m.SetReadDeadline(time.Now().Add(10 * time.Second))
	for {
		_, got, err := m.ReadMessage()
		if err != nil {
			m.t.Fatalf("%v, want a response to %.80s", err, text)
		}
		var r reply
		if json.Unmarshal(got, &r) == nil && r.Method == "" {
			return r
		}
	}
}

// ask makes a request and returns its response.
func (m *member) ask(method string, params map[string]any) reply {
	m.t.Helper()
	text := request(method, params)
	m.say(text)
	return m.response(text)
}

func request(method string, params map[string]any) string {
	text, err := json.Marshal(map[string]any{"jsonrpc": "2.0", "id": 7, "method": method, "params": params})
	if err != nil {
		panic(err) // plain values only
	}
	return string(text)
}

// closed reads until the connection ends and returns the close code, 1006
// without one.
func (m *member) closed() int {
	m.t.Helper()
	m.SetReadDeadline(time.Now().Add(patience))
	for {
		_, _, err := m.ReadMessage()
		if err == nil {
			continue
		}
		if e, ok := err.(*websocket.CloseError); ok {
			return e.Code
		}
		if e, ok := err.(net.Error); ok && e.Timeout() {
			m.t.Error("the connection does not end")
		}
		return websocket.CloseAbnormalClosure
	}
}

// cut breaks the connection: with a reset, or without a word.
func (m *member) cut(reset bool) {
	if tcp, ok := m.NetConn().(*net.TCPConn); ok && reset {
		_ = tcp.SetLinger(0)
	}
	_ = m.NetConn().Close()
}

// tap is a peer's socket that keeps the last media packet sent, lets others
// write through it, and can fall silent.
type tap struct {
	net.PacketConn
	dead atomic.Bool
	mu   sync.Mutex
	last []byte // guarded by mu
}

func isMedia(b []byte) bool { return len(b) > 12 && b[0]>>6 == 2 && (b[1]&0x7f < 64 || b[1]&0x7f > 95) }

func (c *tap) WriteTo(b []byte, to net.Addr) (int, error) {
	if c.dead.Load() {
		return len(b), nil
	}
	if isMedia(b) {
		c.mu.Lock()
		c.last = append(c.last[:0], b...)
		c.mu.Unlock()
	}
	return c.PacketConn.WriteTo(b, to)
}

func (c *tap) ReadFrom(b []byte) (int, net.Addr, error) {
	for {
		n, from, err := c.PacketConn.ReadFrom(b)
		if err != nil || !c.dead.Load() {
			return n, from, err
		}
	}
}

func (c *tap) packet() []byte {
	c.mu.Lock()
	defer c.mu.Unlock()
	return append([]byte(nil), c.last...)
}

// speaker is a whole WebRTC client with Opus.
type speaker struct {
	*webrtc.PeerConnection
	t     *testing.T
	tap   *tap
	heard atomic.Int64 // packets of media
	stop  chan struct{}
	ended sync.WaitGroup
	once  sync.Once
}

func newSpeaker(t *testing.T) *speaker {
	t.Helper()
	udp, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	s := &speaker{t: t, tap: &tap{PacketConn: udp}, stop: make(chan struct{})}
	quiet := logging.NewDefaultLoggerFactory()
	quiet.DefaultLogLevel = logging.LogLevelDisabled
	mux := webrtc.NewICEUDPMux(quiet.NewLogger("mux"), s.tap)
	settings := webrtc.SettingEngine{LoggerFactory: quiet}
	settings.SetICEUDPMux(mux)
	settings.SetIncludeLoopbackCandidate(true)
	settings.SetICEMulticastDNSMode(ice.MulticastDNSModeDisabled)
	settings.SetNetworkTypes([]webrtc.NetworkType{webrtc.NetworkTypeUDP4})
	var codecs webrtc.MediaEngine
	if err := codecs.RegisterDefaultCodecs(); err != nil {
		t.Fatal(err)
	}
	pc, err := webrtc.NewAPI(webrtc.WithSettingEngine(settings), webrtc.WithMediaEngine(&codecs)).NewPeerConnection(webrtc.Configuration{})
	if err != nil {
		t.Fatal(err)
	}
	s.PeerConnection = pc
	pc.OnTrack(func(track *webrtc.TrackRemote, _ *webrtc.RTPReceiver) {
		for {
			if _, _, err := track.ReadRTP(); err != nil {
				return
			}
			s.heard.Add(1)
		}
	})
	t.Cleanup(func() { s.leave(mux) })
	return s
}

func (s *speaker) leave(mux ice.UDPMux) {
	s.once.Do(func() {
		close(s.stop)
		s.ended.Wait()
		_ = s.GracefulClose()
		_ = mux.Close()
		_ = s.tap.Close()
	})
}

// offer returns a description with every candidate.
func (s *speaker) offer() string {
	s.t.Helper()
	gathered := webrtc.GatheringCompletePromise(s.PeerConnection)
	offer, err := s.CreateOffer(nil)
	if err == nil {
		err = s.SetLocalDescription(offer)
	}
	if err != nil {
		s.t.Fatal(err)
	}
	<-gathered
	return s.LocalDescription().SDP
}

func (s *speaker) accept(r reply) string {
	s.t.Helper()
	if r.Error != nil {
		s.t.Fatalf("error %d %s", r.Error.Code, r.Error.Message)
	}
	if err := s.SetRemoteDescription(webrtc.SessionDescription{Type: webrtc.SDPTypeAnswer, SDP: r.Result.SDPAnswer}); err != nil {
		s.t.Fatal(err)
	}
	return r.Result.SDPAnswer
}

// publish sends a tone from now on.
func (s *speaker) publish(m *member, user string) (answer string) {
	s.t.Helper()
	track, err := webrtc.NewTrackLocalStaticSample(webrtc.RTPCodecCapability{MimeType: webrtc.MimeTypeOpus, ClockRate: 48000, Channels: 2}, "a", user)
	if err == nil {
		_, err = s.AddTransceiverFromTrack(track, webrtc.RTPTransceiverInit{Direction: webrtc.RTPTransceiverDirectionSendonly})
	}
	if err != nil {
		s.t.Fatal(err)
	}
	answer = s.accept(m.ask("publishVideo", map[string]any{"sdpOffer": s.offer(), "doLoopback": false}))
	s.ended.Go(func() {
		tick := time.NewTicker(20 * time.Millisecond)
		defer tick.Stop()
		for {
			select {
			case <-tick.C:
				_ = track.WriteSample(media.Sample{Data: []byte{0xf8, 0xff, 0xfe, 1, 2, 3, 4, 5}, Duration: 20 * time.Millisecond})
			case <-s.stop:
				return
			}
		}
	})
	return answer
}

// receive hears a user from now on.
func (s *speaker) receive(m *member, user string) {
	s.t.Helper()
	if _, err := s.AddTransceiverFromKind(webrtc.RTPCodecTypeAudio, webrtc.RTPTransceiverInit{Direction: webrtc.RTPTransceiverDirectionRecvonly}); err != nil {
		s.t.Fatal(err)
	}
	s.accept(m.ask("receiveVideoFrom", map[string]any{"sender": user + "_webcam", "sdpOffer": s.offer()}))
}
