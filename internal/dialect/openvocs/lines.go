package openvocs

func lineEvent(name string) event { return nil }

type gateway struct {
	Connected bool `json:"connected"`
	SIP       bool `json:"SIP"`
}

func (c *conversation) gateway() gateway { return gateway{} }
