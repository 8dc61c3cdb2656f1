package config

import (
	"fmt"
	"net"
	"net/url"
	"slices"
	"strings"
)

// Words of Origins that are no origin.
const (
	// OriginSame allows pages that came from this server.
	OriginSame = "same"
	// OriginLocal allows pages of this machine.
	OriginLocal = "local"
	// OriginAny allows every page.
	OriginAny = "*"
)

// Origins lists the web pages that may connect; see Config.Origins for its words.
type Origins []string

// Allow tells whether a request with this Origin header, sent to this Host
// header, may connect. A request without Origin (origin is empty) comes from no
// browser and may. Any goroutine may call it.
func (o Origins) Allow(origin, host string) bool {
	if origin == "" {
		return true
	}
	page, err := url.Parse(origin)
	if err != nil || page.Host == "" {
		page = &url.URL{} // "null" of a sandboxed page: only "*" lets it in
	}
	for _, word := range o {
		if word == OriginAny || page.Host != "" && originMatches(word, page, host) {
			return true
		}
	}
	return false
}

// AllowHere is Allow for a server that only this machine can reach: there a page
// of the same name came from it only if that is a name of this machine. Any other
// was made to point here by whoever owns it.
func (o Origins) AllowHere(origin, host string) bool {
	at, err := url.Parse("//" + host)
	if err == nil && isLoopbackHost(at.Hostname()) {
		return o.Allow(origin, host)
	}
	named := slices.DeleteFunc(slices.Clone(o), func(word string) bool { return word == OriginSame })
	return named.Allow(origin, host)
}

func originMatches(word string, page *url.URL, host string) bool {
	switch word {
	case OriginSame:
		return strings.EqualFold(page.Host, host)
	case OriginLocal:
		return isLoopbackHost(page.Hostname())
	}
	scheme, pattern, _ := strings.Cut(word, "://")
	if !strings.EqualFold(scheme, page.Scheme) {
		return false
	}
	if suffix, found := strings.CutPrefix(pattern, "*."); found {
		before, found := strings.CutSuffix(strings.ToLower(page.Host), "."+strings.ToLower(suffix))
		return found && before != ""
	}
	return strings.EqualFold(pattern, page.Host)
}

// checkOrigin says what is wrong with one word of a list, or nothing.
func checkOrigin(word string) error {
	if word == OriginAny || word == OriginSame || word == OriginLocal {
		return nil
	}
	u, err := url.Parse(strings.Replace(word, "://*.", "://", 1))
	if err != nil || (u.Scheme != "http" && u.Scheme != "https") || u.Host == "" ||
		u.Path != "" || u.RawQuery != "" || u.User != nil || strings.Contains(u.Host, "*") {
		return fmt.Errorf("%q is no origin; write same, local, * or an origin without a path such as https://app.example.org", word)
	}
	return nil
}

// isLoopbackHost tells whether a host name or IP address, without port, means
// this machine only. Names other than localhost are not looked up.
func isLoopbackHost(host string) bool {
	host = strings.ToLower(strings.TrimSuffix(host, "."))
	if host == "localhost" || strings.HasSuffix(host, ".localhost") {
		return true
	}
	ip := net.ParseIP(host)
	return ip != nil && ip.IsLoopback()
}
