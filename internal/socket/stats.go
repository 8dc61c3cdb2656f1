package socket

import "sync/atomic"

// counters are what one endpoint has seen since it was made.
type counters struct {
	opened, closed                                  atomic.Int64
	messagesIn, messagesOut, bytesIn, bytesOut      atomic.Int64
	throttled, tooBig, slow, silent, faults, panics atomic.Int64
}

type refusals [refusalKinds]atomic.Int64

func (r *refusals) add(why refusal) { r[why].Add(1) }

// Counts are what one dialect's connections have done since the server started.
type Counts struct {
	Dialect                 string
	Connections             int64 // now
	Opened                  int64
	MessagesIn, MessagesOut int64
	BytesIn, BytesOut       int64 // of the connections as they are, frames included
	Throttled               int64 // messages and pings that came faster than allowed
	TooBig                  int64 // messages beyond the limit
	Slow                    int64 // connections ended because the peer did not read
	Silent                  int64 // connections ended because the peer said nothing
	Faults                  int64 // connections ended because the peer broke the protocol
	Panics                  int64 // connections ended by a mistake of ours
}

// Counts returns the counts of every endpoint; two of one dialect are added up.
func (s *Server) Counts() []Counts {
	s.mu.Lock()
	endpoints := s.endpoints
	s.mu.Unlock()
	var all []Counts
	for _, e := range endpoints {
		n := &e.count
		opened := n.opened.Load()
		c := Counts{Dialect: e.dialect.Name, Connections: opened - n.closed.Load(), Opened: opened,
			MessagesIn: n.messagesIn.Load(), MessagesOut: n.messagesOut.Load(), BytesIn: n.bytesIn.Load(), BytesOut: n.bytesOut.Load(),
			Throttled: n.throttled.Load(), TooBig: n.tooBig.Load(), Slow: n.slow.Load(), Silent: n.silent.Load(), Faults: n.faults.Load(), Panics: n.panics.Load()}
		merged := false
		for i := range all {
			if all[i].Dialect == c.Dialect {
				all[i].add(c)
				merged = true
			}
		}
		if !merged {
			all = append(all, c)
		}
	}
	return all
}

func (c *Counts) add(o Counts) {
	c.Connections += o.Connections
	c.Opened += o.Opened
	c.MessagesIn += o.MessagesIn
	c.MessagesOut += o.MessagesOut
	c.BytesIn += o.BytesIn
	c.BytesOut += o.BytesOut
	c.Throttled += o.Throttled
	c.TooBig += o.TooBig
	c.Slow += o.Slow
	c.Silent += o.Silent
	c.Faults += o.Faults
	c.Panics += o.Panics
}

// Refused returns how many connections were not let in, by the reason.
func (s *Server) Refused() map[string]int64 {
	m := make(map[string]int64, refusalKinds)
	for why := admitted + 1; why < refusalKinds; why++ {
		m[why.String()] = s.refused[why].Load()
	}
	return m
}
