package talk

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/gorilla/websocket"

	"switchboard/internal/dialect"
	"switchboard/internal/media/mediatest"
)

// Over a socket: how long a message may take to arrive, and how often to look at
// what tells nobody when it changes.
const (
	patience  = 10 * time.Second
	pollEvery = 5 * time.Millisecond
)

// sockets is a stage of real connections in real time.
type sockets struct {
	address Address
}

func (s *sockets) open(path string, query url.Values) (line, error) {
	u, err := url.Parse(s.address.Socket)
	if err != nil {
		return nil, err
	}
	if path != "" {
		u.Path = path
	}
	u.RawQuery = query.Encode()
	conn, response, err := websocket.DefaultDialer.Dial(u.String(), nil)
	if err != nil {
		return nil, err
	}
	_ = response.Body.Close() // empty after an upgrade
	l := &socketLine{conn: conn, ignore: s.address.Ignore, sent: make(chan Sent, 4096)}
	l.reading.Go(l.read)
	return l, nil
}

func (s *sockets) settle() {}
func (s *sockets) later(tries int) bool {
	<-time.After(pollEvery) // another process does not tell when it is done
	return time.Duration(tries)*pollEvery < patience
}
func (s *sockets) wait(time.Duration)        {} // scripts that wait are not played here
func (s *sockets) engine() *mediatest.Engine { return s.address.Engine }

func (s *sockets) server(words []string) error {
	return fmt.Errorf("server: %s: not over a socket", strings.Join(words, " "))
}

func (s *sockets) request(method, path string, header http.Header, body string) (reply, error) {
	u, err := url.Parse(s.address.Socket)
	if err != nil {
		return reply{}, err
	}
	u.Scheme = strings.Replace(u.Scheme, "ws", "http", 1)
	u.Path, u.RawQuery = "", ""
	r, err := http.NewRequest(method, u.String()+path, strings.NewReader(body))
	if err != nil {
		return reply{}, err
	}
	fillRequest(r, header)
	r.Close = true // no connection is to be kept for a next request
	response, err := http.DefaultClient.Do(r)
	if err != nil {
		return reply{}, err
	}
	return readReply(response)
}

// socketLine is a client's WebSocket.
type socketLine struct {
	conn    *websocket.Conn
	ignore  func([]byte) bool
	sent    chan Sent // what arrived; closed with the connection
	reading sync.WaitGroup
}

// read passes on what arrives until the connection ends.
func (l *socketLine) read() {
	defer close(l.sent)
	for {
		_, text, err := l.conn.ReadMessage()
		if err == nil && l.ignore != nil && l.ignore(text) {
			continue
		}
		if err == nil {
			l.sent <- Sent{Text: text}
			continue
		}
		var end *websocket.CloseError
		if errors.As(err, &end) {
			l.sent <- Sent{Close: &dialect.Close{Code: end.Code, Reason: end.Text}}
		}
		return
	}
}

func (l *socketLine) send(message []byte) error {
	_ = l.conn.SetWriteDeadline(time.Now().Add(patience))
	return l.conn.WriteMessage(websocket.TextMessage, message)
}

func (l *socketLine) next(wait bool) (Sent, bool) {
	if !wait {
		select {
		case s, ok := <-l.sent:
			return s, ok
		default:
			return Sent{}, false
		}
	}
	timer := time.NewTimer(patience)
	defer timer.Stop()
	select {
	case s, ok := <-l.sent:
		return s, ok
	case <-timer.C:
		return Sent{}, false
	}
}

func (l *socketLine) close(code int) {
	_ = l.conn.WriteControl(websocket.CloseMessage, websocket.FormatCloseMessage(code, ""), time.Now().Add(patience))
	l.cut()
}

func (l *socketLine) cut() {
	_ = l.conn.Close()
	for range l.sent { // until read has ended
	}
	l.reading.Wait()
}
