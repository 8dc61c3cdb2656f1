package auth

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"strings"
	"time"

	"github.com/go-ldap/ldap/v3"

	"switchboard/internal/core"
	"switchboard/internal/store"
)

// LDAPOptions say where an LDAP directory is and how to use it.
type LDAPOptions struct {
	// URL is "ldaps://host[:port]" or "ldap://host[:port]".
	URL string
	// StartTLS turns an ldap:// connection into an encrypted one before anything
	// is said on it.
	StartTLS bool
	// AllowPlain permits ldap:// without StartTLS to other machines, which shows
	// passwords to whoever can read the network.
	AllowPlain bool
	// Roots are trusted to sign the directory's certificate; nil: the system's.
	Roots *x509.CertPool
	// UserDN is the name that a user logs in under, with "%s" where the user's id
	// goes: "uid=%s,ou=people,dc=vox,dc=example".
	UserDN string
	// Timeout bounds one login as a whole, and one import between two answers; 0
	// means 5 seconds.
	Timeout time.Duration
	// AtOnce is how many connections there are at most; 0 means 16. Who has to
	// wait longer than Timeout for one is told that it is not possible now.
	AtOnce int
}

// LDAP checks passwords by logging in to an LDAP directory as the user
// (simple bind, RFC 4513 section 5.1.3). Each check is a connection of its own,
// so a slow one delays nobody else.
type LDAP struct {
	options LDAPOptions
	host    string // for the certificate
	address string
	secure  bool // LDAPS
	slots   chan struct{}
}

// NewLDAP makes an LDAP. It does not connect; it fails when the options
// make no sense or would send passwords unencrypted to another machine.
func NewLDAP(o LDAPOptions) (*LDAP, error) {
	u, err := url.Parse(o.URL)
	if err != nil {
		return nil, fmt.Errorf("URL of the directory: %w", err)
	}
	if o.Timeout <= 0 {
		o.Timeout = 5 * time.Second
	}
	if o.AtOnce <= 0 {
		o.AtOnce = 16
	}
	d := &LDAP{options: o, host: u.Hostname(), secure: u.Scheme == "ldaps", slots: make(chan struct{}, o.AtOnce)}
	port := u.Port()
	switch {
	case u.Scheme != "ldap" && u.Scheme != "ldaps", d.host == "", u.User != nil:
		return nil, errors.New("URL of the directory is not ldap://host:port or ldaps://host:port")
	case strings.Count(o.UserDN, "%s") != 1 || strings.Count(o.UserDN, "%") != 1:
		return nil, errors.New(`name of users in the directory does not contain "%s" once`)
	case d.secure && o.StartTLS:
		return nil, errors.New("StartTLS makes no sense with ldaps://")
	case !d.secure && !o.StartTLS && !o.AllowPlain && !loopback(d.host):
		return nil, errors.New("passwords would go to the directory unencrypted: use ldaps:// or StartTLS, or allow that")
	case port == "" && d.secure:
		port = "636"
	case port == "":
		port = "389"
	}
	if _, err := ldap.ParseDN(fmt.Sprintf(o.UserDN, "x")); err != nil {
		return nil, fmt.Errorf("name of users in the directory: %w", err)
	}
	d.address = net.JoinHostPort(d.host, port)
	return d, nil
}

func loopback(host string) bool {
	addr, err := netip.ParseAddr(host)
	return host == "localhost" || err == nil && addr.IsLoopback()
}

// Check tells whether the directory lets the user in with this password. Its
// errors are of kind Unavailable, with the cause in their chain.
func (d *LDAP) Check(ctx context.Context, user, password string) (right bool, err error) {
	// A bind without a password is anonymous, and succeeds whoever it names (RFC
	// 4513 section 5.1.2).
	if user == "" || password == "" || len(password) > MaxPasswordBytes || len(user) > store.MaxID {
		return false, nil
	}
	ctx, cancel := context.WithTimeout(ctx, d.options.Timeout)
	defer cancel()
	err = d.connected(ctx, func(c *ldap.Conn) error {
		return c.Bind(fmt.Sprintf(d.options.UserDN, ldap.EscapeDN(user)), password)
	})
	switch {
	case err == nil:
		return true, nil
	case ldap.IsErrorAnyOf(err, ldap.LDAPResultInvalidCredentials, ldap.LDAPResultNoSuchObject,
		ldap.LDAPResultInvalidDNSyntax, ldap.LDAPResultInappropriateAuthentication, ldap.LDAPResultInsufficientAccessRights):
		return false, nil
	}
	return false, fmt.Errorf("%w: ask directory: %w", store.ErrUnavailable, err)
}

// connected runs f with a connection that is closed when f returns or ctx ends.
func (d *LDAP) connected(ctx context.Context, f func(*ldap.Conn) error) error {
	select {
	case d.slots <- struct{}{}:
		defer func() { <-d.slots }()
	case <-ctx.Done():
		return fmt.Errorf("all connections are in use: %w", ctx.Err())
	}
	plain, err := (&net.Dialer{}).DialContext(ctx, "tcp", d.address)
	if err != nil {
		return err
	}
	network := plain
	// Closing is what interrupts the library, which knows no context.
	stop := context.AfterFunc(ctx, func() { _ = plain.Close() })
	defer stop()
	config := &tls.Config{ServerName: d.host, RootCAs: d.options.Roots, MinVersion: tls.VersionTLS12}
	if d.secure {
		secure := tls.Client(network, config)
		if err := secure.HandshakeContext(ctx); err != nil {
			return errors.Join(err, network.Close())
		}
		network = secure
	}
	c := ldap.NewConn(network, d.secure)
	c.Start()
	defer c.Close()
	if d.options.StartTLS {
		if err := c.StartTLS(config); err != nil {
			return timeOr(ctx, err)
		}
	}
	return timeOr(ctx, f(c))
}

// timeOr says that the time was up, where the library only saw the connection
// being closed.
func timeOr(ctx context.Context, err error) error {
	if err != nil && ctx.Err() != nil {
		return fmt.Errorf("%w: %w", ctx.Err(), err)
	}
	return err
}

// LDAPUser is somebody found in a directory.
type LDAPUser struct {
	ID   string // uid
	Name string // cn
}

// maxImport bounds how many users one import brings.
const maxImport = 100_000

// Search logs in as the name and password given and returns the POSIX accounts
// (RFC 2307) below base that have a uid. It fails with Denied when the directory
// does not let that name in, and with Unavailable when it cannot be asked.
func (d *LDAP) Search(ctx context.Context, name, password, base string) (users []LDAPUser, err error) {
	if name == "" || password == "" {
		return nil, denied("a name and a password are needed to search the directory")
	}
	err = d.connected(ctx, func(c *ldap.Conn) error {
		c.SetTimeout(d.options.Timeout)
		if err := c.Bind(name, password); err != nil {
			return err
		}
		result, err := c.SearchWithPaging(ldap.NewSearchRequest(base, ldap.ScopeWholeSubtree, ldap.NeverDerefAliases,
			maxImport, 0, false, "(objectClass=posixAccount)", []string{"uid", "cn"}, nil), 500)
		if err != nil {
			return err
		}
		for _, e := range result.Entries {
			if uid := e.GetAttributeValue("uid"); uid != "" {
				users = append(users, LDAPUser{ID: uid, Name: e.GetAttributeValue("cn")})
			}
		}
		return nil
	})
	switch {
	case err == nil:
		return users, nil
	case ldap.IsErrorAnyOf(err, ldap.LDAPResultInvalidCredentials, ldap.LDAPResultInsufficientAccessRights, ldap.LDAPResultInvalidDNSyntax):
		return nil, denied("the directory does not let that name search")
	case ldap.IsErrorWithCode(err, ldap.LDAPResultNoSuchObject):
		return nil, &core.Error{Kind: core.NotFound, Subject: core.AboutRequest, Text: "there is nothing under that name in the directory"}
	}
	return nil, fmt.Errorf("%w: search directory: %w", store.ErrUnavailable, err)
}

// ImportUsers makes users of a realm out of what a directory holds, all in one
// transaction, and notes it in the audit log. Users who exist already keep what
// they have: one of the directory gets its name from there, one with a password
// kept here stays as they are. It tells how many were added and how many
// skipped, because their id could not be one or was taken.
func ImportUsers(ctx context.Context, s store.Store, by core.Actor, realm string, found []LDAPUser) (added, skipped int, err error) {
	err = s.Within(ctx, func(tx store.Records) error {
		added, skipped = 0, 0 // of an earlier try of this transaction
		for _, f := range found {
			done, err := importUser(ctx, tx, realm, f)
			switch {
			case err != nil:
				return err
			case done:
				added++
			default:
				skipped++
			}
		}
		return note(ctx, tx, by, realm, "directory.import", fmt.Sprint(added))
	})
	if err != nil {
		return 0, 0, fmt.Errorf("import users: %w", err)
	}
	return added, skipped, nil
}

func importUser(ctx context.Context, tx store.Records, realm string, f LDAPUser) (added bool, err error) {
	user, err := tx.CreateUser(ctx, store.User{Realm: realm, ID: f.ID, Name: f.Name, Origin: store.OriginLDAP})
	switch {
	case err == nil:
		return true, nil
	case errors.Is(err, store.ErrInvalid):
		return false, nil
	case !errors.Is(err, store.ErrConflict):
		return false, err
	}
	if user, err = tx.User(ctx, realm, f.ID); err != nil {
		return false, err
	}
	if user.Origin == store.OriginLDAP && user.Name != f.Name {
		user.Name = f.Name
		_, err = tx.UpdateUser(ctx, user)
	}
	return false, err
}
