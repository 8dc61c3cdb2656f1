package core

import "time"

// DialRequest calls somebody by the telephone network.
type DialRequest struct {
	URI     string        `json:"uri"`            // whom, as "sip:ada@example.org"
	Body    []byte        `json:"body,omitempty"` // for the gateway, opaque
	Timeout time.Duration `json:"timeout,omitempty"`
}

// Dial calls a telephone; what becomes of it comes as the events of a call. It
// fails with Unavailable where no gateway to the telephone network runs, as is
// the case everywhere now.
func (s *Session) Dial(DialRequest) (CallID, error) {
	if err := s.admitted(); err != nil {
		return "", err
	}
	return "", failure(Unavailable, AboutRequest, "there is no gateway to telephones")
}
