package certs

// SelfSign is for tests that need a certificate and key as PEM.
func SelfSign(hosts []string) ([]byte, error) { return selfSign(hosts) }
