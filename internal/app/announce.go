package app

import (
	"context"
	"fmt"
	"io/fs"
	"net"
	"strings"

	"switchboard/internal/store/demo"
	pages "switchboard/internal/web"
)

// announce prints where everything is, for whoever started the server.
func (s *server) announce() {
	var b strings.Builder
	fmt.Fprintf(&b, "Switchboard %s is running.\n", s.Version)
	row := func(what, where string) { fmt.Fprintf(&b, "  %-10s %s\n", what, where) }
	for _, w := range s.webs {
		at, letter := w.reach(s.Config.Media.PublicAddresses), ""
		if w.secure {
			letter = "s"
		}
		here := s.spoken
		if w.Dialect != "" {
			if here = s.speaking(w.Dialect); len(here) == 1 {
				row(w.Dialect, fmt.Sprintf("ws%s://%s/ (any path)", letter, at))
				continue
			}
		} else {
			row("pages", fmt.Sprintf("http%s://%s/", letter, at))
			for _, folder := range folders() {
				row("", fmt.Sprintf("http%s://%s/%s/", letter, at, folder))
			}
		}
		for _, d := range here {
			for _, path := range d.dialect.Paths {
				row(d.dialect.Name, fmt.Sprintf("ws%s://%s%s", letter, at, path))
			}
		}
	}
	row("media", s.mediaAddress()+protocols(s.Config.Media.TCP))
	if s.Config.Media.TURN.Enabled {
		row("relay", s.Config.Media.TURN.Address+protocols(true))
	}
	row("data", s.Config.Data)
	if operators := s.operators(context.Background()); len(operators) > 0 {
		row("sign in", "as "+strings.Join(operators, ", "))
		row("", "with the password "+demo.Password)
	}
	if !pages.Built() {
		b.WriteString("The pages were not built into this binary; `make` does that.\n")
	}
	if _, err := fmt.Fprint(s.Out, b.String()); err != nil {
		s.Log.Warn("cannot print the addresses", "error", err)
	}
	for _, w := range s.webs {
		s.Log.Info("serving", "address", w.listener.Addr().String(), "tls", w.secure, "dialect", w.Dialect)
	}
}

// folders are the parts of the user interface.
func folders() []string {
	entries, err := fs.ReadDir(pages.Files(), ".")
	if err != nil {
		return nil // then there is nothing to see
	}
	var all []string
	for _, e := range entries {
		if _, err := fs.Stat(pages.Files(), e.Name()+"/index.html"); err == nil {
			all = append(all, e.Name())
		}
	}
	return all
}

func protocols(tcp bool) string {
	if tcp {
		return " (UDP and TCP)"
	}
	return " (UDP)"
}

// reach is host and port as somebody would type them: localhost for this
// machine, and for all addresses the one that others see first.
func (w *web) reach(public []string) string {
	host, port, err := net.SplitHostPort(w.listener.Addr().String())
	if err != nil {
		return w.listener.Addr().String()
	}
	ip := net.ParseIP(host)
	switch {
	case ip.IsLoopback():
		host = "localhost"
	case ip.IsUnspecified() && len(public) > 0:
		host = public[0]
	case ip.IsUnspecified():
		host = firstAddress()
	}
	return net.JoinHostPort(host, port)
}

func firstAddress() string {
	all, err := net.InterfaceAddrs()
	if err != nil {
		return "localhost"
	}
	for _, a := range all {
		if n, ok := a.(*net.IPNet); ok && n.IP.IsGlobalUnicast() {
			return n.IP.String()
		}
	}
	return "localhost"
}
