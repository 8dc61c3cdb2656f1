package srtp

// NewPlainSealer returns a sealer that protects nothing, for RTP as it is (RFC
// 3551), so that whoever sends need not ask. It adds nothing to packets.
func NewPlainSealer() *Sealer { return &Sealer{rtcp: &rtcpSealer{}} }

// NewPlainOpener returns an opener of unprotected packets. It refuses packets that
// came before, and authenticates none.
func NewPlainOpener() *Opener { return &Opener{} }

// plain tells whether the transform leaves packets as they are.
func (t transform) plain() bool { return t.gcm == nil && t.cm == nil }
