package openvocs

import (
	"context"

	"switchboard/internal/core"
)

func adminEvent(name string) event {
	switch name {
	case "get":
		return (*conversation).get
	}
	return nil
}
func monitorEvent(name string) event { return nil }

// administrates tells, as an error, whether the user administers anything.
func (c *conversation) administrates(ctx context.Context) error {
	if _, err := c.user(); err != nil {
		return err
	}
	all, err := c.session().Administers(ctx, "")
	if err == nil && len(all) == 0 {
		return errPermission
	}
	return err
}

func (c *conversation) get(ctx context.Context, r *request) (any, error) {
	if _, err := c.user(); err != nil {
		return nil, err
	}
	e, err := c.own(ctx)
	return map[string]any{"type": "user", "result": e}, err
}

func (c *conversation) imported(f core.UsersImported) {}
