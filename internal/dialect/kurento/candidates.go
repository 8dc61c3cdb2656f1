package kurento

import (
	"slices"
	"strings"

	"switchboard/internal/core"
	"switchboard/internal/media"
)

// takes tells whether a candidate is for this endpoint. Clients that know one
// stream only use the bare name for each stream of a user they receive, and
// only the ufrag, where the browser adds it, tells candidates of a former
// connection from those of the present one.
func (e *endpoint) takes(name, ufrag string) bool {
	if name != e.name() && (e.own || name != e.user) {
		return false
	}
	return ufrag == "" || strings.Contains(e.ufrags, " "+ufrag+" ")
}

// early is a candidate that came before the offer it belongs to (dossier 3.3).
type early struct {
	endpoint  string
	ufrag     string
	candidate media.Candidate
}

const (
	mostEarly          = 256  // candidates kept; the oldest go
	mostCandidateBytes = 1024 // of one candidate with its endpoint's name
)

// onIceCandidate takes a candidate of the client's: seed 9, dossier 2.6. One
// that comes before its offer is kept, and late ones are no error.
func (c *conversation) onIceCandidate(r *request) {
	if c.me == nil {
		c.fail(r, notInRoom(c.key()))
		return
	}
	name, f1 := r.params.text("endpointName")
	text, f2 := r.params.text("candidate")
	mid, f3 := r.params.optional("sdpMid", "")
	index, f4 := r.params.number("sdpMLineIndex", -1)
	for _, f := range []*fault{f1, f2, f3, f4} {
		if f != nil {
			c.fail(r, f)
			return
		}
	}
	if len(name)+len(text)+len(mid) > mostCandidateBytes {
		c.fail(r, faultf(codeInvalidParams, "A candidate can have at most %d bytes", mostCandidateBytes))
		return
	}
	if f := c.addCandidate(name, media.Candidate{Candidate: text, Mid: mid, Line: index}); f != nil {
		c.fail(r, f)
		return
	}
	c.done(r)
}

func (c *conversation) addCandidate(name string, candidate media.Candidate) *fault {
	ufrag := ufragOf(candidate.Candidate)
	taken := false
	for i := range c.endpoints {
		e := &c.endpoints[i]
		if !e.takes(name, ufrag) {
			continue
		}
		taken = true
		if err := e.transport.AddCandidate(candidate); core.KindOf(err) == core.Invalid {
			return &fault{code: codeWebRTC, message: "Unable to add the candidate", detail: err.Error()}
		}
	}
	if !taken {
		if len(c.early) == mostEarly {
			c.early = slices.Delete(c.early, 0, 1)
		}
		c.early = append(c.early, early{name, ufrag, candidate})
	}
	return nil
}

// addEarly gives an endpoint the candidates that came before its offer.
func (c *conversation) addEarly(e *endpoint) {
	c.early = slices.DeleteFunc(c.early, func(k early) bool {
		if !e.takes(k.endpoint, k.ufrag) {
			return false
		}
		_ = e.transport.AddCandidate(k.candidate) // it was accepted when it came; an unusable one is no loss
		return true
	})
	if len(c.early) == 0 {
		c.early = nil
	}
}

// ufragOf returns the ufrag that a browser adds to a candidate (RFC 8839
// section 5.1 extensions), or nothing.
func ufragOf(candidate string) string {
	_, rest, found := strings.Cut(candidate, " ufrag ")
	if !found {
		return ""
	}
	ufrag, _, _ := strings.Cut(rest, " ")
	return ufrag
}

// ufragsOf returns the ufrags of an offer, each between spaces.
func ufragsOf(offer string) string {
	const attribute = "\na=ice-ufrag:"
	all := " "
	for {
		_, rest, found := strings.Cut(offer, attribute)
		if !found {
			return all
		}
		ufrag, _, _ := strings.Cut(rest, "\n")
		ufrag = strings.TrimSpace(ufrag)
		if !strings.Contains(all, " "+ufrag+" ") && len(all) < mostCandidateBytes {
			all += ufrag + " "
		}
		offer = rest
	}
}

// candidateFound tells a candidate of the server's: seed 10, dossier 3.3. The
// same candidates stand in the answer.
func (c *conversation) candidateFound(f core.CandidateFound) {
	if e := c.endpointOf(f.Transport); e != nil {
		c.write(notification("iceCandidate", candidateParams{EndpointName: e.name(), Candidate: f.Candidate.Candidate,
			SDPMid: f.Candidate.Mid, SDPMLineIndex: max(0, f.Candidate.Line)}))
	}
}
