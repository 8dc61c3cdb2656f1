package forward

import (
	"switchboard/internal/media"

	"github.com/pion/rtcp"
)

// How often a publisher hears from us; nanoseconds.
const (
	reportInterval      = 1_000_000_000
	transportCCInterval = 100_000_000
	expireInterval      = 250_000_000
	// restAfter is after how long without media a transport is tended only as often as
	// it reports.
	restAfter = 2_000_000_000
)

// due is when the regular feedback of a transport comes next.
type due struct {
	report, transportCC, expire int64
}

// tend does what time demands of a transport that has tracks: the plane's clock
// calls it every [tick]. Most people are silent most of the time.
func (t *Transport) tend(now int64) {
	if now < t.rests.Load() {
		return
	}
	in := &t.in
	in.mu.Lock()
	defer in.mu.Unlock()
	if in.made && now >= in.due.expire {
		in.due.expire = now + expireInterval
		for _, tr := range in.tracks {
			tr.cache.expire(now - keepAge)
		}
	}
	if in.opener == nil {
		return
	}
	var packets []rtcp.Packet
	from := t.reporter.Load()
	if now >= in.due.report {
		in.due.report = now + reportInterval
		packets = append(packets, t.receipts(from, now)...)
	}
	roundTrip := t.roundTrip.Load()
	for _, tr := range in.tracks {
		tr.repeatKeyframe(now)
		if _, changed := tr.talking.check(now); changed {
			t.plane.notify.Talking(t.o.ID, tr.id, false)
		}
		if numbers := tr.missing.ask(now, roundTrip, tr.sequence); len(numbers) > 0 {
			packets = append(packets, nack(from, tr.ssrc.Load(), numbers))
		}
		if now >= in.due.expire {
			tr.cache.expire(now - keepAge)
		}
	}
	if now >= in.due.expire {
		in.due.expire = now + expireInterval
	}
	if in.transportCC != nil && now >= in.due.transportCC {
		in.due.transportCC = now + transportCCInterval
		packets = append(packets, in.transportCC.BuildFeedbackPacket()...)
	}
	t.report(packets...)
	if now-in.heard > restAfter {
		t.rests.Store(now + reportInterval)
	}
}

// sequence is the sequence number of a recent index.
func (tr *track) sequence(index int64) uint16 { return tr.last - uint16(tr.newest-index) }

// receipts makes the receiver report about all tracks, and tells how much video
// we want at most. ingress.mu is held.
func (t *Transport) receipts(from uint32, now int64) []rtcp.Packet {
	var blocks []rtcp.ReceptionReport
	var videos []uint32
	limit := false
	for _, tr := range t.in.tracks {
		if tr.stream == nil {
			continue
		}
		if len(blocks) < 31 { // what the count in the header can say
			blocks = append(blocks, tr.receipt.block(tr.stream.ssrc, uint32(tr.stream.crypto.Index()), now))
		}
		if tr.kind == media.Video {
			videos = append(videos, tr.stream.ssrc)
			limit = limit || tr.offersREMB()
		}
	}
	if len(blocks) == 0 {
		return nil
	}
	packets := []rtcp.Packet{
		&rtcp.ReceiverReport{SSRC: from, Reports: blocks},
		rtcp.NewCNAMESourceDescription(from, t.o.CNAME),
	}
	if kbps := t.videoKbps.Load(); kbps > 0 && limit {
		packets = append(packets, &rtcp.ReceiverEstimatedMaximumBitrate{SenderSSRC: from, Bitrate: float32(kbps) * 1000, SSRCs: videos})
	}
	return packets
}

func (tr *track) offersREMB() bool {
	for i := range tr.line.Codecs {
		if tr.line.Codecs[i].REMB {
			return true
		}
	}
	return false
}

// report sends RTCP packets of ours, as one datagram if they fit: behind a
// report, as RFC 3550 section 6.1 demands, empty if there is none. Any goroutine
// may call it.
func (t *Transport) report(packets ...rtcp.Packet) {
	if len(packets) == 0 {
		return
	}
	const most = 1200
	var datagram []byte
	for _, p := range packets {
		b, err := p.Marshal()
		if err != nil || len(b) > most-8 { // ours are well formed and small
			continue
		}
		if len(datagram)+len(b) > most {
			t.post(datagram)
			datagram = nil
		}
		if _, is := p.(*rtcp.ReceiverReport); !is && len(datagram) == 0 {
			datagram, _ = (&rtcp.ReceiverReport{SSRC: t.reporter.Load()}).Marshal()
		}
		datagram = append(datagram, b...)
	}
	if len(datagram) > 0 {
		t.post(datagram)
	}
}

// post lets the worker send a compound RTCP packet.
func (t *Transport) post(datagram []byte) {
	t.worker.post(func() { t.out.sendReport(t.worker, datagram) })
}
