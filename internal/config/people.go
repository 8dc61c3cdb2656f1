package config

import (
	"cmp"
	"fmt"
	"net/url"
	"strings"
	"time"
)

func (t Tokens) check(check *checker) {
	if secret := t.HS256Secret; secret.IsSet() && len(secret.Reveal()) < minTokenSecret {
		check.wrong("tokens.hs256_secret", "is shorter than %d bytes; make one by: openssl rand -hex 32", minTokenSecret)
	}
	if t.KeysURL != "" && !isSafeURL(t.KeysURL) {
		check.wrong("tokens.keys_url", "%q is no https URL, nor an http one of this machine", t.KeysURL)
	}
}

// isSafeURL tells whether nobody on the way can read or change what is fetched
// from a URL.
func isSafeURL(text string) bool {
	u, err := url.Parse(text)
	return err == nil && u.Host != "" && (u.Scheme == "https" || u.Scheme == "http" && isLoopbackHost(u.Hostname()))
}

// defaultRealm is the realm that every server has.
const defaultRealm = "default"

// Bounds of Logins.Lifetime.
const (
	minLogin = time.Minute
	maxLogin = 365 * 24 * time.Hour
)

func (c *Config) checkLogins(check *checker) {
	if l := c.Logins.Lifetime; l < minLogin || l > maxLogin {
		check.wrong("logins.lifetime", "is %v; write %v to %v", l, minLogin, maxLogin)
	}
	if c.Logins.AuditLifetime < 0 {
		check.wrong("logins.audit_lifetime", "is negative; write 0s to keep the audit log for ever")
	}
	realms := map[string]bool{}
	for i, d := range c.LDAP {
		path := fmt.Sprintf("ldap[%d].", i)
		realm := cmp.Or(d.Realm, defaultRealm)
		if realms[realm] {
			check.wrong(path+"realm", "is that of another directory; write one directory for each realm")
		}
		realms[realm] = true
		d.check(check, path)
	}
}

func (d LDAP) check(check *checker, path string) {
	u, err := url.Parse(d.URL)
	switch {
	case err != nil || u.Scheme != "ldap" && u.Scheme != "ldaps" || u.Host == "" || u.User != nil:
		check.wrong(path+"url", "is not ldaps://host[:port] or ldap://host[:port]")
	case u.Scheme == "ldaps" && d.StartTLS:
		check.wrong(path+"starttls", "makes no sense with ldaps://; remove one of them")
	case u.Scheme == "ldap" && !d.StartTLS && !d.AllowPlain && !isLoopbackHost(u.Hostname()):
		check.wrong(path+"url", "would send passwords unencrypted; write ldaps://, or starttls: true, or allow_plain: true if that is meant")
	}
	if strings.Count(d.UserDN, "%s") != 1 || strings.Count(d.UserDN, "%") != 1 {
		check.wrong(path+"user_dn", "does not have %%s once; write it where the user's id goes, such as uid=%%s,ou=people,dc=example,dc=org")
	}
	if d.CAFile != "" {
		check.certificates(path+"ca_file", d.CAFile)
	}
	if d.Timeout < 0 || d.Timeout > time.Minute {
		check.wrong(path+"timeout", "is %v; write up to 1m", d.Timeout)
	}
	if d.Connections < 0 {
		check.wrong(path+"connections", "is negative; write 0 for the default")
	}
}
