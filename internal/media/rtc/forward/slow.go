package forward

import "sync"

// slowQueue is how many datagrams wait for a path that writes by a function:
// what a key frame and a moment of sound take.
const slowQueue = 256

// slowPath sends over something that may block. The worker of its transport
// fills the queue, a goroutine of its own empties it.
type slowPath struct {
	write func([]byte) error
	queue chan *packet // only memory and payload are used
	pool  *pool
	lent  *packet

	stopping sync.Once
	stop     chan struct{}
}

// newSlowPath starts the goroutine; running is done when it has ended.
func newSlowPath(write func([]byte) error, l *pool, running *sync.WaitGroup) *slowPath {
	p := &slowPath{write: write, queue: make(chan *packet, slowQueue), pool: l, stop: make(chan struct{})}
	running.Go(p.run)
	return p
}

func (s *slowPath) run() {
	for {
		select {
		case <-s.stop:
			return
		case p := <-s.queue:
			_ = s.write(p.payload) // a path that fails is for ICE to notice
			s.pool.release(p, 1)
		}
	}
}

// end lets the goroutine end; it does not wait.
func (s *slowPath) end() { s.stopping.Do(func() { close(s.stop) }) }

// space lends out room for n bytes.
func (s *slowPath) space(n int) []byte {
	if s.lent == nil || len(s.lent.memory) < n {
		s.lent = s.pool.packet(min(n, maxDatagram))
	}
	return s.lent.memory[:0]
}

// commit queues the datagram that was made in the room, or returns false.
func (s *slowPath) commit(datagram []byte) bool {
	p := s.lent
	s.lent = nil
	p.payload = datagram
	select {
	case s.queue <- p:
		return true
	default:
		s.pool.release(p, 1)
		return false
	}
}
