package core

import (
	"context"

	"switchboard/internal/store"
)

// Accounts changes what users prove themselves with. Its methods may be slow and
// note in the audit log what they do; they check no right.
type Accounts interface {
	// SetPassword gives a user a new password. It fails with kind Conflict when it
	// is kept elsewhere, and with Invalid when it is not good enough.
	SetPassword(ctx context.Context, by Actor, realm, user, password string) error
	// Directory tells whether a directory checks passwords of a realm.
	Directory(realm string) bool
	// ImportUsers makes users of a realm of those in its directory.
	ImportUsers(ctx context.Context, by Actor, realm string, q DirectoryQuery) (added int, err error)
}

// DirectoryQuery says whom to look for in a directory, and as whom.
type DirectoryQuery struct {
	Base     string // below which users are
	User     string // the name in the directory to look as
	Password string
}

// SetPassword gives a user of the realm a new password: oneself, or any user
// whom one administers. All keys of theirs are void then. Errors besides:
// NotFound, Conflict when a directory keeps the password, and Invalid when it is
// not good enough.
func (a Administration) SetPassword(ctx context.Context, user, password string) error {
	s := a.session
	who, err := s.user()
	if err != nil {
		return err
	}
	if user != who.User {
		err = s.hub.view(ctx, "change password", s, func(tx store.Records) error { return s.mayReset(ctx, tx, who.Realm, user) })
	}
	if err == nil {
		err = s.hub.stored("change password", s, s.hub.accounts.SetPassword(ctx, s.doer(), who.Realm, user, password))
	}
	return s.refusal(ctx, who.Realm, "user.password", user, err)
}

// mayReset fails with Denied unless the session may give a user another password:
// one whom it administers, and who may not change more than itself, or else it
// could log in as them and do so.
func (s *Session) mayReset(ctx context.Context, tx store.Records, realm, user string) error {
	may, err := s.rights(ctx, tx, realm)
	if err == nil && !may.any() { // and so may not know who exists
		err = errNoAdministrator
	}
	if err != nil {
		return err
	}
	u, err := tx.User(ctx, realm, user)
	if err != nil {
		return err
	}
	theirs, err := rightsOf(ctx, tx, realm, user)
	if err == nil && (!may.cover(SectionID{realm, u.Project}) || !may.include(theirs)) {
		err = errNoAdministrator
	}
	return err
}

// Directory tells whether a directory checks passwords of the user's realm.
func (s *Session) Directory() bool { return s.hub.accounts.Directory(s.identity.Load().Realm) }

// ImportUsers makes users of the realm of those in its directory. Administrators
// of the realm may. It returns at once when it has begun; the outcome is a
// UsersImported event. Errors: Denied, and Conflict where there is no directory.
func (a Administration) ImportUsers(ctx context.Context, q DirectoryQuery) error {
	s, h := a.session, a.session.hub
	who, err := s.user()
	if err != nil {
		return err
	}
	err = h.view(ctx, "import users", s, func(tx store.Records) error {
		return s.mustAdminister(ctx, tx, SectionID{Realm: who.Realm})
	})
	if err != nil {
		return s.refusal(ctx, who.Realm, "directory.import", "", err)
	}
	if !h.accounts.Directory(who.Realm) {
		return failure(Conflict, AboutRequest, "no directory is set up for this realm")
	}
	by := s.doer()
	h.run(h.proofs, func(ctx context.Context) {
		done := UsersImported{Realm: who.Realm}
		added, err := h.accounts.ImportUsers(ctx, by, who.Realm, q)
		if err = h.stored("import users", s, err); err != nil {
			done.Err = h.asError("import users", s, err)
		}
		done.Added = added
		s.post(newEvent(done))
	})
	return nil
}

// noAccounts changes nothing; it stands in where there are no accounts.
type noAccounts struct{}

func (noAccounts) SetPassword(context.Context, Actor, string, string, string) error {
	return errNoStore
}

func (noAccounts) Directory(string) bool { return false }

func (noAccounts) ImportUsers(context.Context, Actor, string, DirectoryQuery) (int, error) {
	return 0, errNoStore
}
