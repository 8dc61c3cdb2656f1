package browser

import (
	"errors"
	"io"
	"net"
	"sync"
	"testing"
)

// proxy stands between the pages and the server, so that a test can cut the wires. Media goes past it.
type proxy struct {
	address  string
	to       string
	listener net.Listener

	mu    sync.Mutex
	conns []*net.TCPConn // both ends of all; guarded by mu
	wait  sync.WaitGroup
}

func startProxy(t *testing.T, to string) *proxy {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatalf("listen: %v", err)
	}
	p := &proxy{address: l.Addr().String(), to: to, listener: l}
	p.wait.Go(func() { p.accept(t) })
	t.Cleanup(func() {
		_ = l.Close()
		p.cut()
		p.wait.Wait()
	})
	return p
}

func (p *proxy) accept(t *testing.T) {
	for {
		near, err := p.listener.Accept()
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if err != nil {
			t.Errorf("accept: %v", err)
			return
		}
		far, err := net.Dial("tcp", p.to)
		if err != nil {
			_ = near.Close() // the server is down, and so is this way to it
			continue
		}
		p.join(near.(*net.TCPConn), far.(*net.TCPConn))
	}
}

func (p *proxy) join(near, far *net.TCPConn) {
	p.mu.Lock()
	p.conns = append(p.conns, near, far)
	p.mu.Unlock()
	for _, pair := range [][2]*net.TCPConn{{near, far}, {far, near}} {
		p.wait.Go(func() {
			_, _ = io.Copy(pair[0], pair[1]) // ends with either end
			_ = near.Close()
			_ = far.Close()
		})
	}
}

// cut breaks all connections as a failing network does: without a word.
func (p *proxy) cut() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, c := range p.conns {
		_ = c.SetLinger(0)
		_ = c.Close()
	}
	p.conns = nil
}
