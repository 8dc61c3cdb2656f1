package talk

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing/synctest"
	"time"

	"switchboard/internal/core"
	"switchboard/internal/dialect"
	"switchboard/internal/media/mediatest"
)

// stage is where a transcript is played.
type stage interface {
	// open makes a connection; path may be empty for the usual one.
	open(path string, query url.Values) (line, error)
	// settle returns when nothing more can happen by itself, where that can be
	// known.
	settle()
	// later waits a little, for what cannot be known to have happened; false when
	// there is no use in waiting any more. tries counts from 0.
	later(tries int) bool
	wait(time.Duration)
	request(method, path string, header http.Header, body string) (reply, error)
	// engine returns the fake engine, or nil.
	engine() *mediatest.Engine
	// server does something on the server's side.
	server(words []string) error
}

// line is one client's connection.
type line interface {
	send(message []byte) error
	// next returns the oldest thing sent and not taken yet. wait says that
	// something must come.
	next(wait bool) (Sent, bool)
	close(code int)
	cut()
}

// reply is the answer to an HTTP request.
type reply struct {
	status int
	header http.Header
	body   string
}

// memory is a stage without sockets, in virtual time: it must be used inside a
// synctest bubble.
type memory struct {
	srv Server
	eng *mediatest.Engine
	mux *http.ServeMux
}

func newMemory(s Server, e *mediatest.Engine) *memory {
	m := &memory{srv: s, eng: e, mux: http.NewServeMux()}
	for _, d := range s.Dialects {
		if d.HTTP != nil {
			d.HTTP(m.mux)
		}
	}
	return m
}

func (m *memory) open(path string, query url.Values) (line, error) {
	for _, d := range m.srv.Dialects {
		for _, p := range d.Paths {
			if path == "" || path == p {
				c, err := m.srv.Connect(d, query)
				return &memoryLine{client: c}, err
			}
		}
	}
	return nil, fmt.Errorf("no dialect is spoken at %s", path)
}

func (m *memory) settle()                   { synctest.Wait() }
func (m *memory) later(int) bool            { return false }
func (m *memory) wait(d time.Duration)      { time.Sleep(d); synctest.Wait() }
func (m *memory) engine() *mediatest.Engine { return m.eng }

func (m *memory) request(method, path string, header http.Header, body string) (reply, error) {
	r := httptest.NewRequest(method, path, strings.NewReader(body))
	r.Host, r.RemoteAddr = "localhost:8080", "127.0.0.1:40000"
	fillRequest(r, header)
	if from := header.Get("From"); from != "" {
		r.RemoteAddr = from + ":40000"
		r.Header.Del("From")
	}
	w := httptest.NewRecorder()
	m.mux.ServeHTTP(w, r)
	return readReply(w.Result())
}

func fillRequest(r *http.Request, header http.Header) {
	for name, values := range header {
		r.Header[name] = values
	}
	if host := header.Get("Host"); host != "" {
		r.Host = host
		r.Header.Del("Host")
	}
}

func readReply(r *http.Response) (reply, error) {
	defer r.Body.Close()
	body, err := io.ReadAll(r.Body)
	return reply{status: r.StatusCode, header: r.Header, body: strings.TrimSpace(string(body))}, err
}

func (m *memory) server(words []string) error {
	admin := m.srv.Hub.Admin()
	switch {
	case words[0] == "close-room" && len(words) == 2:
		return admin.CloseRoom(core.NewRoomID(core.DefaultRealm, words[1]))
	case words[0] == "evict" && len(words) == 3:
		return admin.Evict(core.NewRoomID(core.DefaultRealm, words[1]), words[2])
	case words[0] == "stop" && len(words) == 1:
		m.srv.Hub.EndSessions(core.ReasonShutdown)
		return nil
	}
	return fmt.Errorf("server: %s: no such thing; there are close-room ROOM, evict ROOM NAME, stop", strings.Join(words, " "))
}

// memoryLine is a client's connection in memory.
type memoryLine struct {
	client *Client
	queue  []Sent
}

func (l *memoryLine) send(message []byte) error {
	if !l.client.Send(message) {
		return fmt.Errorf("the connection has ended")
	}
	return nil
}

func (l *memoryLine) next(bool) (Sent, bool) {
	l.queue = append(l.queue, l.client.Take()...)
	if len(l.queue) == 0 {
		return Sent{}, false
	}
	s := l.queue[0]
	l.queue = l.queue[1:]
	return s, true
}

func (l *memoryLine) close(code int) { l.client.Hang(dialect.Closure{Clean: true, Code: code}) }
func (l *memoryLine) cut()           { l.client.Hang(dialect.Closure{Clean: false, Code: 1006}) }
