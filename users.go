package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"switchboard/internal/app"
	"switchboard/internal/auth"
	"switchboard/internal/store"
)

// userCommands change who may log in, and as what. A server that runs on the
// same data follows.
type userCommands struct {
	Add    userAddCommand    `cmd:"" help:"Make a user. The password is asked for, or read from standard input."`
	Passwd userPasswdCommand `cmd:"" help:"Give a user another password. It is asked for, or read from standard input."`
	List   userListCommand   `cmd:"" help:"List users with their roles."`
	Remove userRemoveCommand `cmd:"" help:"Remove a user with all that is theirs."`
	Role   struct {
		Add    userRoleAddCommand    `cmd:"" help:"Let a user act in roles."`
		Remove userRoleRemoveCommand `cmd:"" help:"Let a user act in roles no more."`
	} `cmd:"" help:"Say in which roles a user may act."`
	Admin struct {
		Add    userAdminAddCommand    `cmd:"" help:"Let a user change what belongs to the realm, or to a project."`
		Remove userAdminRemoveCommand `cmd:"" help:"Take that back."`
	} `cmd:"" help:"Say who may administer."`
}

// who names a user on the command line.
type who struct {
	settings
	User  string `arg:"" help:"Name that the user logs in with."`
	Realm string `placeholder:"REALM" help:"Realm of the user. Without it, the one that every server has."`
}

func (w *who) key() app.UserKey { return app.UserKey{Realm: w.Realm, User: w.User} }

// missing says of a user, a role or a project that it is not there.
func (w *who) missing(err error, what string) error {
	if errors.Is(err, store.ErrNotFound) {
		return fmt.Errorf("there is no user %q%s", w.User, what)
	}
	return err
}

type userAddCommand struct {
	who
	Name  string   `placeholder:"TEXT" help:"Name to show to others."`
	Role  []string `placeholder:"ROLE" help:"Role in which the user may act. May be repeated."`
	Admin bool     `help:"Let the user change everything that belongs to the realm."`
}

// Run makes the user. A server that runs knows them at once.
func (c *userAddCommand) Run(out io.Writer) error {
	cfg, err := c.load()
	if err != nil {
		return err
	}
	password, err := auth.ReadPassword(os.Stdin, os.Stderr)
	if err != nil {
		return err
	}
	u := store.User{Realm: c.Realm, ID: c.User, Name: c.Name}
	err = app.AddUser(context.Background(), cfg, u, password, c.Role, c.Admin)
	switch {
	case errors.Is(err, store.ErrConflict):
		return fmt.Errorf("there is a user %q already", c.User)
	case errors.Is(err, store.ErrNotFound):
		return fmt.Errorf("there is no such realm, or no such role: %s", strings.Join(c.Role, ", "))
	case err != nil:
		return err
	}
	_, err = fmt.Fprintf(out, "User %s can log in now.\n", c.User)
	return err
}

type userPasswdCommand struct{ who }

// Run changes the password. A server that runs takes only the new one at once.
func (c *userPasswdCommand) Run(out io.Writer) error {
	cfg, err := c.load()
	if err != nil {
		return err
	}
	password, err := auth.ReadPassword(os.Stdin, os.Stderr)
	if err != nil {
		return err
	}
	if err := app.SetPassword(context.Background(), cfg, c.key(), password); err != nil {
		return c.missing(err, "")
	}
	_, err = fmt.Fprintf(out, "User %s has a new password.\n", c.User)
	return err
}

type userListCommand struct {
	settings
	Realm string `placeholder:"REALM" help:"Only of this realm."`
}

// Run lists the users, one in a line.
func (c *userListCommand) Run(out io.Writer) error {
	cfg, err := c.load()
	if err != nil {
		return err
	}
	users, err := app.Users(context.Background(), cfg, c.Realm)
	if err != nil {
		return err
	}
	for _, u := range users {
		if _, err := fmt.Fprintln(out, strings.TrimRight(strings.Join([]string{u.Realm, u.ID, u.Name, strings.Join(u.Roles, ","), u.Remark}, "\t"), "\t")); err != nil {
			return err
		}
	}
	return nil
}

type userRemoveCommand struct{ who }

// Run removes the user.
func (c *userRemoveCommand) Run(out io.Writer) error {
	cfg, err := c.load()
	if err != nil {
		return err
	}
	if err := app.RemoveUser(context.Background(), cfg, c.key()); err != nil {
		return c.missing(err, "")
	}
	_, err = fmt.Fprintf(out, "User %s is removed.\n", c.User)
	return err
}

// rolesOf names a user and some roles.
type rolesOf struct {
	who
	Role []string `arg:"" help:"Ids of the roles."`
}

func (c *rolesOf) set(out io.Writer, member bool, said string) error {
	cfg, err := c.load()
	if err != nil {
		return err
	}
	roles := strings.Join(c.Role, ", ")
	if err := app.SetRoles(context.Background(), cfg, c.key(), c.Role, member); err != nil {
		return c.missing(err, ", or no such role, or they do not act in it: "+roles)
	}
	_, err = fmt.Fprintf(out, said, c.User, roles)
	return err
}

type userRoleAddCommand struct{ rolesOf }

// Run adds the roles, all or none.
func (c *userRoleAddCommand) Run(out io.Writer) error {
	return c.set(out, true, "User %s can act as %s now.\n")
}

type userRoleRemoveCommand struct{ rolesOf }

// Run takes the roles back, all or none.
func (c *userRoleRemoveCommand) Run(out io.Writer) error {
	return c.set(out, false, "User %s cannot act as %s any more.\n")
}

// administrator names a user and what they administer.
type administrator struct {
	who
	Project string `placeholder:"PROJECT" help:"Only this project of the realm."`
}

func (c *administrator) set(out io.Writer, is bool, said string) error {
	cfg, err := c.load()
	if err != nil {
		return err
	}
	if err := app.SetAdministrator(context.Background(), cfg, c.key(), c.Project, is); err != nil {
		return c.missing(err, ", or no such project, or they do not administer it")
	}
	_, err = fmt.Fprintf(out, said, c.User)
	return err
}

type userAdminAddCommand struct{ administrator }

// Run makes the user an administrator.
func (c *userAdminAddCommand) Run(out io.Writer) error {
	return c.set(out, true, "User %s can administer now.\n")
}

type userAdminRemoveCommand struct{ administrator }

// Run takes that back.
func (c *userAdminRemoveCommand) Run(out io.Writer) error {
	return c.set(out, false, "User %s cannot administer any more.\n")
}
