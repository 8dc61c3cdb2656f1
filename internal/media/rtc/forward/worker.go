package forward

import (
	"net/netip"
	"runtime"
	"sync"
	"sync/atomic"

	"switchboard/internal/media"
	"switchboard/internal/media/rtc/udp"
)

const (
	// chunk is how many packets a worker sends of pictures before it looks for
	// sound and orders.
	chunk = 96
	// maxQueued is how many packets may wait for a worker. More mean that it is
	// overloaded, and late pictures are worth less than new ones.
	maxQueued = 4096
	// stale is how old a packet may be when its turn comes; nanoseconds.
	stale = 400_000_000
	// wheel is how many groups the transports of a worker are in; one group
	// sends its reports every tick*workerTicks, so each transport every 1.6 s.
	wheel = 16
)

// item is a packet of a track for all its subscribers of one worker.
type item struct {
	track  *track
	packet *packet
}

// queue is what readers put items into. They become visible to the worker in
// batches, so that a frame that came in one leaves in one.
type queue struct {
	items   []item
	visible int
}

// move appends what is visible to dst.
func (q *queue) move(dst []item) []item {
	dst = append(dst, q.items[:q.visible]...)
	n := copy(q.items, q.items[q.visible:])
	clear(q.items[n:])
	q.items, q.visible = q.items[:n], 0
	return dst
}

// worker owns the sending state of some transports. Everybody else leaves it
// items and orders.
type worker struct {
	plane   *Plane
	number  int           // which of the plane's
	wake    chan struct{} // capacity 1
	pending atomic.Bool   // something is in the queues that Kick has not shown
	waiting atomic.Bool   // something is visible that the worker has not taken

	mu     sync.Mutex
	sound  queue         // guarded by mu
	vision queue         // guarded by mu
	mixed  []*mixedBatch // guarded by mu
	orders []func()      // guarded by mu
	closed bool          // guarded by mu

	// The rest belongs to the goroutine.
	now      int64
	audio    []item
	made     []*mixedBatch
	video    []item
	next     int // of video
	todo     []func()
	live     burst // of audio, or of a newcomer
	picture  burst // of video; in progress while rest is not empty
	rest     []subscription
	writers  map[netip.AddrPort]*udp.Writer
	writing  []*udp.Writer // the same
	unsent   int           // packets since the last flush
	header   []byte
	original [2]byte
	replay   []*packet
	wheel    [wheel][]*egress
	turn     int
	reports  func() // the method, as a value made once
}

func newWorker(p *Plane, number int) *worker {
	w := &worker{plane: p, number: number, wake: make(chan struct{}, 1), writers: make(map[netip.AddrPort]*udp.Writer)}
	w.reports = w.reportGroup
	return w
}

// push queues an item until the next Kick. It consumes the reference.
func (w *worker) push(i item) {
	w.mu.Lock()
	q := &w.vision
	if i.track.kind != media.Video {
		q = &w.sound
	}
	full := w.closed || len(q.items) >= maxQueued
	if !full {
		q.items = append(q.items, i)
	}
	w.mu.Unlock()
	if full {
		w.plane.late.Add(1)
		w.plane.pool.release(i.packet, 1)
		return
	}
	if !w.pending.Load() {
		w.pending.Store(true)
	}
}

// kick shows the worker what was pushed.
func (w *worker) kick() {
	if !w.pending.Load() {
		return
	}
	w.mu.Lock()
	w.pending.Store(false)
	w.sound.visible, w.vision.visible = len(w.sound.items), len(w.vision.items)
	w.mu.Unlock()
	w.rouse()
}

// post leaves an order, a function that the worker calls between packets. It
// returns false if the worker has ended. Orders are executed in order.
func (w *worker) post(order func()) bool {
	w.mu.Lock()
	closed := w.closed
	if !closed {
		w.orders = append(w.orders, order)
	}
	w.mu.Unlock()
	if !closed {
		w.rouse()
	}
	return !closed
}

func (w *worker) rouse() {
	w.waiting.Store(true)
	select {
	case w.wake <- struct{}{}:
	default:
	}
}

// run is the worker's goroutine.
func (w *worker) run() {
	defer w.plane.running.Done()
	for ended := false; !ended; {
		<-w.wake
		for w.take() {
			w.work()
			runtime.Gosched() // a machine of one core has more to do
		}
		w.mu.Lock()
		ended = w.closed
		w.mu.Unlock()
	}
	w.waiting.Store(true) // what came between the last look and the end
	for w.take() {
		w.work()
	}
	w.discard()
}

// close lets the goroutine end when it has done what it was left.
func (w *worker) close() {
	w.mu.Lock()
	w.closed = true
	w.mu.Unlock()
	w.rouse()
}

// take fetches what is visible, and tells whether there is anything to do.
func (w *worker) take() bool {
	if w.waiting.Swap(false) {
		w.now = w.plane.Now()
		n := copy(w.video, w.video[w.next:])
		clear(w.video[n:])
		w.video, w.next = w.video[:n], 0
		w.mu.Lock()
		w.audio = w.sound.move(w.audio)
		w.video = w.vision.move(w.video)
		w.made, w.mixed = w.mixed, w.made[:0]
		w.todo, w.orders = w.orders, w.todo[:0]
		w.mu.Unlock()
	}
	return len(w.todo)+len(w.audio)+len(w.made)+len(w.video)+len(w.rest) > 0
}

// work executes the orders, sends all sound, and a chunk of the pictures.
func (w *worker) work() {
	for i, order := range w.todo {
		order()
		w.todo[i] = nil
	}
	w.todo = w.todo[:0]
	w.sendSound()
	w.sendMixed()
	w.sendPictures()
	w.flush()
}

// sendSound sends the packets of sound, in bursts as they came: several of one
// track only if they waited.
func (w *worker) sendSound() {
	for next := 0; next < len(w.audio); {
		next = w.gather(&w.live, w.audio, next)
		subs := w.subscribers(w.live.track)
		for i := range subs {
			w.unsent += w.send(&subs[i], &w.live)
		}
		w.live.end(&w.plane.pool)
	}
	clear(w.audio)
	w.audio = w.audio[:0]
}

// sendPictures goes on with the pictures for one chunk.
func (w *worker) sendPictures() {
	for w.unsent < chunk {
		if len(w.rest) == 0 {
			if w.next == len(w.video) {
				clear(w.video)
				w.video, w.next = w.video[:0], 0
				return
			}
			w.next = w.gather(&w.picture, w.video, w.next)
			w.rest = w.subscribers(w.picture.track)
		}
		for len(w.rest) > 0 && w.unsent < chunk {
			w.unsent += w.send(&w.rest[0], &w.picture)
			w.rest = w.rest[1:]
		}
		if len(w.rest) == 0 {
			w.picture.end(&w.plane.pool)
		}
	}
}

// gather makes a burst of the next items as long as they are of one track, and
// returns where it stopped. What waited too long is left out.
func (w *worker) gather(b *burst, items []item, next int) int {
	b.begin(items[next].track)
	for next < len(items) && items[next].track == b.track && len(b.packets) < maxBurst {
		p := items[next].packet
		next++
		if w.now-p.at > stale {
			w.plane.late.Add(1)
			w.plane.pool.release(p, 1)
			continue
		}
		b.packets = append(b.packets, p)
	}
	return next
}

// subscribers returns the worker's part of a track's.
func (w *worker) subscribers(tr *track) []subscription {
	return (*tr.table.Load())[w.number]
}

// flush sends what is in the writers.
func (w *worker) flush() {
	if w.unsent == 0 {
		return
	}
	w.unsent = 0
	for _, writer := range w.writing {
		// It fails only when the socket is closed, and then everything ends.
		_ = writer.Flush()
	}
}

// writer returns the worker's for a socket; sockets that share an address are
// as good as one, and their datagrams leave together.
func (w *worker) writer(s *udp.Socket) *udp.Writer {
	at := s.LocalAddr()
	if w.writers[at] == nil {
		w.writers[at] = s.NewWriter(0)
		w.writing = append(w.writing, w.writers[at])
	}
	return w.writers[at]
}

// discard releases what was pushed after the last Kick.
func (w *worker) discard() {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, i := range append(w.sound.items, w.vision.items...) {
		w.plane.pool.release(i.packet, 1)
	}
	for _, b := range w.mixed {
		w.plane.drop(b)
	}
	w.sound, w.vision, w.mixed = queue{}, queue{}, nil
}

// join begins a new subscription to video: from the newest key frame, if it is
// recent, else with a request for one.
func (w *worker) join(sub subscription, tr *track) {
	s := sub.sender
	if sub.generation != s.generation && !s.turn(sub.generation) || !s.waiting {
		return
	}
	var serial int64
	w.replay, serial = tr.cache.replay(w.replay[:0], w.now)
	if len(w.replay) == 0 || !s.transport.out.ready() {
		for _, p := range w.replay {
			w.plane.pool.release(p, 1)
		}
		tr.askKeyframe(w.now)
		return
	}
	for rest := w.replay; len(rest) > 0; {
		n := min(len(rest), maxBurst)
		w.live.begin(tr)
		w.live.packets = append(w.live.packets, rest[:n]...)
		w.unsent += w.send(&sub, &w.live)
		w.live.end(&w.plane.pool)
		rest = rest[n:]
	}
	clear(w.replay)
	s.seen = serial // they may be in the queue as well
}

// list puts a transport into the group that reports next to last.
func (w *worker) list(e *egress) {
	if e.listed {
		return
	}
	e.listed = true
	least := 0
	for i := range w.wheel {
		if len(w.wheel[i]) < len(w.wheel[least]) {
			least = i
		}
	}
	w.wheel[least] = append(w.wheel[least], e)
}

// unlist takes it out again.
func (w *worker) unlist(e *egress) {
	for i, group := range w.wheel {
		for j, o := range group {
			if o == e {
				group[j] = group[len(group)-1]
				group[len(group)-1] = nil
				w.wheel[i] = group[:len(group)-1]
				e.listed = false
				return
			}
		}
	}
}

// reportGroup sends the reports of the next group.
func (w *worker) reportGroup() {
	for _, e := range w.wheel[w.turn] {
		e.reportAll(w, w.now)
	}
	w.turn = (w.turn + 1) % wheel
}
