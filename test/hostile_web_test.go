package test

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"switchboard/internal/app"
	"switchboard/internal/config"
	"switchboard/internal/media/mediatest"
)

// Nothing but the pages can be had, however it is called.
func hostilePaths(t *testing.T, v *victim) {
	for _, path := range []string{"/../../../../etc/passwd", "/..%2f..%2f..%2fetc%2fpasswd", "/%2e%2e/%2e%2e/etc/passwd", "/assets/../../../etc/passwd",
		"/rooms/..%5c..%5cetc%5cpasswd", "//etc/passwd", "/etc/passwd%00.html", "/.git/config", "/data/switchboard.db", "/assets/", "/rooms/.keep",
		"//evil.example/..", "/\\evil.example/", "//evil.example/rooms", "/%2fevil.example/rooms"} {
		t.Run(path, func(t *testing.T) {
			got := v.raw(t, []byte("GET "+path+" HTTP/1.1\r\nHost: "+v.host()+"\r\nConnection: close\r\n\r\n"), 4096)
			response, err := http.ReadResponse(bufio.NewReader(strings.NewReader(string(got))), nil)
			if err != nil {
				t.Fatalf("%v in %q", err, got)
			}
			defer response.Body.Close()
			if status := response.StatusCode; status < 300 {
				t.Errorf("answered with %d", status)
			}
			if to := response.Header.Get("Location"); strings.HasPrefix(to, "//") || strings.Contains(to, "\\") || strings.Contains(to, "://") {
				t.Errorf("leads to %q", to)
			}
		})
	}
}

// Only who sits at this machine and means it can close a room.
func hostileAdministration(t *testing.T, v *victim) {
	for name, header := range map[string]string{
		"from another site":         "Sec-Fetch-Site: cross-site",
		"from a site beside":        "Sec-Fetch-Site: same-site",
		"from another origin":       "Origin: https://evil.example",
		"from nowhere":              "Origin: null",
		"by a name made to fit":     "Host: evil.example",
		"by way of a proxy":         "X-Forwarded-For: 203.0.113.9",
		"by way of another proxy":   "Forwarded: for=203.0.113.9",
		"by way of a cache":         "Via: 1.1 cache",
		"by way of a third proxy":   "X-Real-IP: 203.0.113.9",
		"with a token of their own": "Origin: https://evil.example\r\nAuthorization: Bearer ",
	} {
		for _, method := range []string{"GET", "POST"} {
			t.Run(method+" "+name, func(t *testing.T) {
				host := "Host: " + v.host() + "\r\n"
				if strings.HasPrefix(header, "Host:") {
					host = ""
				}
				got := v.raw(t, []byte(method+" /close?room=witness HTTP/1.1\r\n"+host+header+"\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"), 12)
				if string(got) != "HTTP/1.1 403" {
					t.Errorf("answered %q, want 403", got)
				}
			})
		}
	}
}

// With a token, nobody gets past it.
func TestHostileTokens(t *testing.T) {
	s := run(t, func(c *config.Config, o *app.Options) {
		o.Engine = new(mediatest.Engine).Start
		c.Dialects.Kurento.AdminToken = config.NewSecret("correct horse battery staple")
	})
	ada := join(t, s.room, "ada", "lab")
	for _, query := range []string{"", "?room=lab", "?room=lab&secret=correct+horse+battery+staple", "?room=lab&secret="} {
		if status, body := get(t, s.page+"/close"+query); status != http.StatusForbidden || strings.Contains(body, "horse") {
			t.Errorf("GET /close%s: %d %s, want 403", query, status, body)
		}
	}
	for _, token := range []string{"", "Bearer", "Bearer ", "Bearer x", "Basic correct horse battery staple", "bearer\tcorrect horse battery staple"} {
		r, err := http.NewRequest(http.MethodPost, s.page+"/close?room=lab", http.NoBody)
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Authorization", token)
		r.Close = true
		response, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		response.Body.Close()
		if response.StatusCode != http.StatusForbidden {
			t.Errorf("%q: %d, want 403", token, response.StatusCode)
		}
	}
	ada.say(chat("ada", "lab", "nobody closed it"))
	ada.want("nobody closed it")
	ada.cut(true)
}

// Where proxies stand in front, everybody seems to be at this machine.
func TestHostileProxies(t *testing.T) {
	s := run(t, func(c *config.Config, o *app.Options) {
		o.Engine = new(mediatest.Engine).Start
		c.TrustedProxies = []string{"127.0.0.1"}
	})
	if status, body := get(t, s.page+"/close?room=lobby"); status != http.StatusForbidden {
		t.Errorf("%d %s, want 403", status, body)
	}
}

// Who forgot to say that there is a proxy is told.
func TestProxyThatNobodyMentioned(t *testing.T) {
	for _, row := range []struct {
		proxies []string
		header  string
		want    int
	}{{nil, "X-Forwarded-For", 1}, {nil, "X-Other", 0}, {[]string{"127.0.0.1"}, "X-Forwarded-For", 0}} {
		var lines logged
		s := run(t, func(c *config.Config, o *app.Options) {
			o.Engine = new(mediatest.Engine).Start
			o.Log = slog.New(slog.NewTextHandler(&lines, nil))
			c.TrustedProxies = row.proxies
		})
		for range 2 {
			request, err := http.NewRequest(http.MethodGet, s.page+"/rooms/", nil)
			if err != nil {
				t.Fatal(err)
			}
			request.Header.Set(row.header, "192.0.2.7")
			response, err := (&http.Transport{DisableKeepAlives: true}).RoundTrip(request)
			if err != nil {
				t.Fatal(err)
			}
			response.Body.Close()
		}
		s.cancel()
		s.wait(t)
		if got := strings.Count(lines.String(), "not in trusted_proxies"); got != row.want {
			t.Errorf("%+v: said %d times", row, got)
		}
	}
}

// However much is logged, nobody who reads it can go on with another's session.
func TestHostileReadersOfLogs(t *testing.T) {
	var lines logged
	s := run(t, func(c *config.Config, o *app.Options) {
		o.Engine = new(mediatest.Engine).Start
		o.Log = slog.New(slog.NewTextHandler(&lines, &slog.HandlerOptions{Level: slog.LevelDebug}))
	})
	ada := dial(t, s.room)
	early := ada.ask("publishVideo", map[string]any{"sdpOffer": "x"}) // the error says the session's key
	joined := ada.ask("joinRoom", map[string]any{"user": "ada", "room": "lab", "token": "t0psecret"})
	key := joined.Result.SessionID
	if early.Error == nil || key == "" || !strings.Contains(early.Error.Message, key) {
		t.Fatalf("answers %+v and %+v, want the key in both", early, joined)
	}
	ada.publish()
	ada.cut(true)
	s.cancel()
	s.wait(t)
	for name, secret := range map[string]string{"the key": key, "the token": "t0psecret", "a password of ICE": "talktalk"} {
		if strings.Contains(lines.String(), secret) {
			t.Errorf("%s is in the log", name)
		}
	}
	if !strings.Contains(lines.String(), "joinRoom") {
		t.Error("the log does not have the messages")
	}
}

// logged keeps what is logged.
type logged struct {
	mu sync.Mutex
	b  strings.Builder // guarded by mu
}

func (l *logged) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(b)
}

func (l *logged) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// slowRequests begins requests that never end.
func slowRequests(t *testing.T, v *victim) (ended func(*testing.T)) {
	t.Helper()
	var all []net.Conn
	for i := range 200 {
		conn, err := net.Dial("tcp", v.host())
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { conn.Close() })
		if i%2 == 0 {
			_, err = fmt.Fprintf(conn, "GET /room HTTP/1.1\r\nHost: %s\r\nX-Slow: ", v.host())
		}
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, conn)
	}
	return func(t *testing.T) {
		for _, conn := range all {
			_ = conn.SetReadDeadline(time.Now().Add(patience))
			_, err := io.Copy(io.Discard, conn)
			var late net.Error
			if errors.As(err, &late) && late.Timeout() {
				t.Fatal("a request that never ends is waited for")
			}
			conn.Close()
		}
	}
}
