package port

import (
	"hash/maphash"
	"net/netip"
	"sync"
)

// owners knows whose an address is. It is asked for every datagram of media, by
// several readers, and changed a few times for each endpoint.
type owners struct {
	seed   maphash.Seed
	shards [32]shard
}

type shard struct {
	mu sync.RWMutex
	m  map[netip.AddrPort]*Endpoint // guarded by mu
	_  [88]byte                     // shards do not share a cache line
}

func (o *owners) prepare() {
	o.seed = maphash.MakeSeed()
	for i := range o.shards {
		o.shards[i].m = map[netip.AddrPort]*Endpoint{}
	}
}

func (o *owners) shard(a netip.AddrPort) *shard {
	return &o.shards[maphash.Comparable(o.seed, a)%uint64(len(o.shards))]
}

// of returns the endpoint an address belongs to, or nil.
func (o *owners) of(a netip.AddrPort) *Endpoint {
	s := o.shard(a)
	s.mu.RLock()
	e := s.m[a]
	s.mu.RUnlock()
	return e
}

// claim makes e the owner of an address, unless it belongs to an endpoint that
// sends and receives there. That one loses it only to somebody who proved, by
// answering a check, to be at that address: sure is then true.
func (o *owners) claim(a netip.AddrPort, e *Endpoint, sure bool) {
	s := o.shard(a)
	s.mu.Lock()
	defer s.mu.Unlock()
	if owner := s.m[a]; owner == nil || sure || !owner.uses(a) {
		s.m[a] = e
	}
}

// release takes an address from e.
func (o *owners) release(a netip.AddrPort, e *Endpoint) {
	s := o.shard(a)
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.m[a] == e {
		delete(s.m, a)
	}
}
