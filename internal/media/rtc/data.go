package rtc

import (
	"errors"
	"io"
	"net"
	"slices"
	"sync"

	"github.com/pion/datachannel"
	"github.com/pion/sctp"

	"switchboard/internal/media"
)

// Limits of data channels.
const (
	// maxChannels is how many channels one transport may have open.
	maxChannels = 16
	// maxLabel is the longest label or protocol of a channel, in bytes.
	maxLabel = 256
	// keptBuffer is the most that a channel keeps to read into, in bytes; longer
	// messages get room of their own.
	keptBuffer = 16 << 10
	// maxBuffered is how much may wait for one receiver, in bytes. What comes
	// beyond is dropped for this receiver.
	maxBuffered = 1 << 20
	// receiveBuffer is what the peer may send ahead of our reading, in bytes.
	receiveBuffer = 256 << 10
)

// channels are the data channels of a transport.
type channels struct {
	transport *Transport
	wg        sync.WaitGroup // readers of channels

	mu          sync.Mutex
	agreed      bool              // a description accepted data channels; guarded by mu
	association *sctp.Association // while there is one; guarded by mu
	open        []*channel        // guarded by mu
	next        uint16            // stream number of the next channel we open; guarded by mu
}

// channel is an open channel.
type channel struct {
	*datachannel.DataChannel
}

// message is what is passed on.
type message struct {
	config datachannel.Config // of the channel it came on
	text   bool
	data   []byte
}

func (c *channels) allow() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.agreed = true
}

func (c *channels) allowed() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.agreed
}

// serve speaks SCTP until the connection ends, and returns when no goroutine of
// the channels is left.
func (c *channels) serve(conn net.Conn) {
	t := c.transport
	association, err := sctp.ServerWithOptions(
		sctp.WithNetConn(conn),
		sctp.WithLoggerFactory(t.engine.pion),
		sctp.WithMaxReceiveBufferSize(receiveBuffer),
		sctp.WithMaxMessageSize(maxMessage),
		sctp.WithMTU(dtlsMTU),
	)
	if err != nil {
		return
	}
	c.mu.Lock()
	c.association = association
	c.next = 1 // RFC 8832 section 6: the server of the handshake takes odd ones
	if t.peerServes() {
		c.next = 0
	}
	c.mu.Unlock()
	for {
		d, err := datachannel.Accept(association, &datachannel.Config{LoggerFactory: t.engine.pion})
		if err != nil {
			if associationEnded(err) {
				break
			}
			continue // a stream that did not begin as a channel
		}
		c.add(d)
	}
	c.mu.Lock()
	c.association, c.open = nil, nil
	c.mu.Unlock()
	_ = association.Close()
	c.wg.Wait()
}

// associationEnded tells a dead association from a bad stream. AcceptStream
// fails with io.EOF only when no stream will come any more.
func associationEnded(err error) bool { return errors.Is(err, io.EOF) }

// peerServes tells whether the peer is the server of the handshake.
func (t *Transport) peerServes() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.peer.server
}

// add takes a channel in and reads it.
func (c *channels) add(d *datachannel.DataChannel) {
	ch := &channel{d}
	c.mu.Lock()
	full := len(c.open) >= maxChannels || c.association == nil
	if !full {
		c.open = append(c.open, ch)
		c.wg.Go(func() { c.read(ch) })
	}
	c.mu.Unlock()
	if full || len(d.Label) > maxLabel || len(d.Protocol) > maxLabel {
		_ = d.Close()
	}
}

// read passes on the messages of a channel until it ends.
func (c *channels) read(ch *channel) {
	buf := make([]byte, 1024)
	for {
		n, text, err := ch.ReadDataChannel(buf)
		if errors.Is(err, io.ErrShortBuffer) && len(buf) < maxMessage {
			buf = make([]byte, min(4*len(buf), maxMessage)) // the message stays until it is read
			continue
		}
		if err != nil {
			break
		}
		c.transport.engine.bridges.pass(c.transport.id, message{config: ch.Config, text: text, data: buf[:n]})
		if len(buf) > keptBuffer {
			buf = make([]byte, 1024)
		}
	}
	_ = ch.Close()
	c.mu.Lock()
	defer c.mu.Unlock()
	for i, other := range c.open {
		if other == ch {
			c.open = append(c.open[:i], c.open[i+1:]...)
			break
		}
	}
}

// send passes a message to the peer, over its channel of the same label and
// protocol, or over a new one. It does not wait: a peer that is slow misses
// messages. SCTP copies the data.
func (c *channels) send(m *message) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.association == nil || c.association.BufferedAmount() > maxBuffered {
		return
	}
	for _, ch := range c.open {
		if ch.Label == m.config.Label && ch.Protocol == m.config.Protocol {
			_, _ = ch.WriteDataChannel(m.data, m.text)
			return
		}
	}
	if len(c.open) >= maxChannels {
		return
	}
	config := m.config
	d, err := datachannel.Dial(c.association, c.next, &config)
	if err != nil {
		return
	}
	c.next += 2
	ch := &channel{d}
	c.open = append(c.open, ch)
	c.wg.Go(func() { c.read(ch) })
	_, _ = d.WriteDataChannel(m.data, m.text)
}

// bridges knows whose messages go to whom.
type bridges struct {
	mu      sync.RWMutex
	wanted  map[*Transport]map[media.RoomID]bridge // by receiver; guarded by mu
	targets map[media.TransportID][]*Transport     // by sender, made from wanted; guarded by mu
}

// bridge is what a transport receives from one room.
type bridge struct {
	revision uint64
	from     []media.TransportID
}

func (b *bridges) prepare() {
	b.wanted = map[*Transport]map[media.RoomID]bridge{}
	b.targets = map[media.TransportID][]*Transport{}
}

// apply says whose messages go to a transport, of all that was said for a room
// the newest.
func (b *bridges) apply(room media.RoomID, revision uint64, to *Transport, from []media.TransportID) {
	b.mu.Lock()
	defer b.mu.Unlock()
	old, known := b.wanted[to][room]
	if !to.options.Data || known && revision <= old.revision || to.open() != nil {
		return
	}
	if b.wanted[to] == nil {
		b.wanted[to] = map[media.RoomID]bridge{}
	}
	b.wanted[to][room] = bridge{revision, from}
	if !slices.Equal(old.from, from) {
		b.connect()
	}
}

// forget takes a closed transport out.
func (b *bridges) forget(t *Transport) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if _, ok := b.wanted[t]; ok {
		delete(b.wanted, t)
		b.connect()
	}
}

// connect makes targets. The caller holds mu.
func (b *bridges) connect() {
	clear(b.targets)
	for to, rooms := range b.wanted {
		seen := map[media.TransportID]bool{}
		for _, bridge := range rooms {
			for _, from := range bridge.from {
				if !seen[from] {
					seen[from] = true
					b.targets[from] = append(b.targets[from], to)
				}
			}
		}
	}
}

// pass gives a message to all who receive it.
func (b *bridges) pass(from media.TransportID, m message) {
	b.mu.RLock()
	defer b.mu.RUnlock()
	for _, to := range b.targets[from] {
		to.data.send(&m)
	}
}
