package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"switchboard/internal/app"
	"switchboard/internal/store"
)

// realmCommands make and remove realms. A server that runs on the same data follows.
type realmCommands struct {
	Add    realmAddCommand    `cmd:"" help:"Make an empty realm. Its first administrator is made by: switchboard user add NAME --realm ID --admin."`
	List   realmListCommand   `cmd:"" help:"List realms."`
	Remove realmRemoveCommand `cmd:"" help:"Remove a realm with everybody and everything in it, such as the demonstration: default."`
}

type realmAddCommand struct {
	settings
	Realm string `arg:"" help:"Id of the realm, such as the host name that its people use."`
	Name  string `placeholder:"TEXT" help:"Name to show to others."`
}

// Run makes the realm.
func (c *realmAddCommand) Run(out io.Writer) error {
	cfg, err := c.load()
	if err != nil {
		return err
	}
	err = app.AddRealm(context.Background(), cfg, store.Realm{ID: c.Realm, Name: c.Name})
	if errors.Is(err, store.ErrConflict) {
		return fmt.Errorf("there is a realm %q already", c.Realm)
	}
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(out, "Realm %s is made.\n", c.Realm)
	return err
}

type realmListCommand struct{ settings }

// Run lists the realms, one in a line.
func (c *realmListCommand) Run(out io.Writer) error {
	cfg, err := c.load()
	if err != nil {
		return err
	}
	realms, err := app.Realms(context.Background(), cfg)
	for _, r := range realms {
		if _, err := fmt.Fprintf(out, "%s\n", strings.TrimRight(r.ID+"\t"+r.Name, "\t")); err != nil {
			return err
		}
	}
	return err
}

type realmRemoveCommand struct {
	settings
	Realm string `arg:"" help:"Id of the realm."`
}

// Run removes the realm.
func (c *realmRemoveCommand) Run(out io.Writer) error {
	cfg, err := c.load()
	if err != nil {
		return err
	}
	err = app.RemoveRealm(context.Background(), cfg, c.Realm)
	if errors.Is(err, store.ErrNotFound) {
		return fmt.Errorf("there is no realm %q", c.Realm)
	}
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(out, "Realm %s is removed.\n", c.Realm)
	return err
}

type auditCommand struct {
	settings
	Realm  string `placeholder:"REALM" help:"Only what concerns this realm."`
	User   string `placeholder:"USER" help:"Only what this user did."`
	Action string `placeholder:"ACTION" help:"Only this, such as login or user.create."`
	Number int    `short:"n" default:"100" help:"How many entries at most: the newest."`
}

// Run prints the audit log, the newest entry first, one in a line.
func (c *auditCommand) Run(out io.Writer) error {
	cfg, err := c.load()
	if err != nil {
		return err
	}
	entries, err := app.Audit(context.Background(), cfg, store.AuditQuery{Realm: c.Realm, Actor: c.User, Action: c.Action, Limit: c.Number})
	for _, e := range entries {
		line := []string{e.At.Format(time.RFC3339), e.Realm, e.Actor, e.Remote, e.Action, e.Target, string(e.Outcome), e.Detail}
		if _, err := fmt.Fprintln(out, strings.TrimRight(strings.Join(line, "\t"), "\t")); err != nil {
			return err
		}
	}
	return err
}
