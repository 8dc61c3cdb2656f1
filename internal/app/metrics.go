package app

import (
	"context"

	"github.com/prometheus/client_golang/prometheus"

	"switchboard/internal/observe"
	"switchboard/internal/socket"
)

// register has the parts counted when somebody asks for metrics.
func (s *server) register(context.Context) error {
	return s.registry.Register(&figures{server: s})
}

// figures asks the parts what they have counted; nothing is counted twice.
type figures struct{ server *server }

func describe(help string, labels []string, words ...string) *prometheus.Desc {
	return prometheus.NewDesc(observe.Name(words...), help, labels, nil)
}

// Describe implements [prometheus.Collector]. It describes nothing: what there
// is depends on the configuration.
func (f *figures) Describe(chan<- *prometheus.Desc) {}

// Collect implements [prometheus.Collector].
func (f *figures) Collect(out chan<- prometheus.Metric) {
	f.collectHub(out)
	f.collectLogins(out)
	f.collectSockets(out)
	f.collectMedia(out)
}

func (f *figures) collectMedia(out chan<- prometheus.Metric) {
	if f.server.media == nil {
		return
	}
	counters := f.server.media.Counters()
	n, m := counters.Port, counters.Mix
	for _, c := range []struct {
		name, help string
		value      uint64
	}{
		{"media_packets_received", "Packets that arrived at the media port by UDP.", n.Received},
		{"media_packets_sent", "Packets sent from the media port by UDP.", n.Sent},
		{"media_sent_bytes", "Bytes in packets sent from the media port by UDP.", n.SentBytes},
		{"media_packets_unsent", "Packets that were not sent since the system had no room for them.", n.Unsent},
	} {
		out <- prometheus.MustNewConstMetric(describe(c.help, nil, c.name, "total"), prometheus.CounterValue, float64(c.value))
	}
	mixed := describe("Packets of sound in the mixer, by what was done with them; concealed are gaps of 20 ms.", []string{"kind"}, "mix", "packets", "total")
	for kind, n := range map[string]uint64{"decoded": m.Decoded, "encoded": m.Encoded, "sent": m.Frames, "recovered": m.Recovered,
		"concealed": m.Concealed, "dropped": m.Dropped, "failed": m.Failed} {
		out <- prometheus.MustNewConstMetric(mixed, prometheus.CounterValue, float64(n), kind)
	}
	d := describe("What arrived at the media port and was not taken, by the reason.", []string{"reason"}, "media", "refused", "total")
	for reason, n := range map[string]uint64{"stranger": n.Strangers, "check": n.Refused, "overflow": n.Overflows, "connection": n.Refusals} {
		out <- prometheus.MustNewConstMetric(d, prometheus.CounterValue, float64(n), reason)
	}
}

func (f *figures) collectHub(out chan<- prometheus.Metric) {
	n := f.server.hub.Counts()
	for _, g := range []struct {
		name, help string
		value      int
	}{
		{"sessions", "Sessions, those that wait for their client to come back included.", n.Sessions},
		{"sessions_detached", "Sessions that wait for their client to come back.", n.Detached},
		{"rooms", "Open rooms.", n.Rooms},
		{"participants", "Places in rooms.", n.Participants},
		{"publications", "Streams offered in rooms.", n.Publications},
		{"subscriptions", "Streams being received.", n.Subscriptions},
		{"transports", "Media connections.", n.Transports},
		{"directories", "Directories that somebody watches or is listed in.", n.Directories},
	} {
		out <- prometheus.MustNewConstMetric(describe(g.help, nil, g.name), prometheus.GaugeValue, float64(g.value))
	}
}

func (f *figures) collectLogins(out chan<- prometheus.Metric) {
	n := f.server.gate.Counts()
	d := describe("People who wanted to log in, by what became of it.", []string{"outcome"}, "logins", "total")
	for outcome, n := range map[string]int64{"admitted": n.Admitted, "denied": n.Denied, "throttled": n.Throttled, "unavailable": n.Unavailable} {
		out <- prometheus.MustNewConstMetric(d, prometheus.CounterValue, float64(n), outcome)
	}
}

func (f *figures) collectSockets(out chan<- prometheus.Metric) {
	label := []string{"dialect"}
	var throttled, tooBig int64
	for _, c := range f.server.sockets.Counts() {
		throttled += c.Throttled
		tooBig += c.TooBig
		out <- prometheus.MustNewConstMetric(describe("Open connections.", label, "connections"), prometheus.GaugeValue, float64(c.Connections), c.Dialect)
		for _, n := range counted(&c) {
			out <- prometheus.MustNewConstMetric(describe(n.help, label, n.name, "total"), prometheus.CounterValue, float64(n.value), c.Dialect)
		}
		ended := describe("Connections that the server gave up, by the reason.", []string{"dialect", "reason"}, "connections", "ended", "total")
		for reason, n := range map[string]int64{"slow": c.Slow, "silent": c.Silent, "fault": c.Faults, "panic": c.Panics} {
			out <- prometheus.MustNewConstMetric(ended, prometheus.CounterValue, float64(n), c.Dialect, reason)
		}
	}
	refused := f.server.sockets.Refused()
	d := describe("Connections that were not let in, by the reason.", []string{"reason"}, "connections", "refused", "total")
	for reason, n := range refused {
		out <- prometheus.MustNewConstMetric(d, prometheus.CounterValue, float64(n), reason)
	}
	limits := describe("Refusals because of a configured limit.", []string{"limit"}, "limit", "refusals", "total")
	all := f.server.hub.Refusals()
	all["connections"], all["connections_per_address"] = refused["connections"], refused["connections_per_address"]
	all["messages_per_second"] = throttled
	all["message_bytes"] += tooBig
	all["mailbox_bytes"] += f.server.hub.Counts().Overflows
	for limit, n := range all {
		out <- prometheus.MustNewConstMetric(limits, prometheus.CounterValue, float64(n), limit)
	}
}

type counter struct {
	name, help string
	value      int64
}

func counted(c *socket.Counts) []counter {
	return []counter{
		{"connections_opened", "Connections let in.", c.Opened},
		{"messages_received", "Messages from clients.", c.MessagesIn},
		{"messages_sent", "Messages to clients.", c.MessagesOut},
		{"received_bytes", "Bytes from clients, frames included.", c.BytesIn},
		{"sent_bytes", "Bytes to clients, frames included.", c.BytesOut},
	}
}
