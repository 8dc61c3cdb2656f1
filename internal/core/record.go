package core

// Record begins or ends keeping what the participant sends. It fails with
// Unavailable where nothing records, as is the case everywhere now, and with
// NotFound when the participant is not in the room.
func (p *Participant) Record(bool) error {
	if err := p.here(); err != nil {
		return err
	}
	p.room.mu.Unlock()
	return failure(Unavailable, AboutRequest, "nothing is recorded here")
}
