package omikron

import (
	"encoding/json"
	"io"
	"net/http"
	"net/netip"
	"strings"
	"time"

	"switchboard/internal/core"
)

// web is the HTTP interface of the embedded directory (dossier 3.3). Errors
// come with status 200, since clients try again what comes with another.
type web struct {
	o *Options
	d *Embedded
}

const mostBody = 128 << 10

// register mounts the interface; a slash at the end of a path does not matter.
func (w *web) register(mux *http.ServeMux) {
	for path, h := range map[string]func(*http.Request, []member) (data []member, err error){
		"GET /api/get/uuid/{name}":        w.find,
		"GET /api/get/{user}":             w.profile,
		"POST /api/change/{user}":         w.byKey(w.change),
		"POST /api/change/{field}/{user}": w.changeField,
		"GET /api/register/init":          w.reserve,
		"POST /api/register/complete":     w.complete,
		"POST /api/delete/{user}":         w.remove,
	} {
		w.mount(mux, path, w.answer("", h))
	}
	for _, path := range []string{"GET /api/find_omikron", "GET /api/find_omikron/{user}"} {
		w.mount(mux, path, w.answer("omikron", w.omikron))
	}
	for path, h := range w.signIn() {
		w.mount(mux, path, w.answer("", h))
	}
	for _, path := range []string{"GET /api/get/private-key-hash/{user}", "GET /api/get/iota-id/{user}"} {
		w.mount(mux, path, w.answer("", w.others))
	}
}

// mount mounts an answer, and says to whoever asks first that it may be asked
// for.
func (w *web) mount(mux *http.ServeMux, pattern string, h http.HandlerFunc) {
	_, path, _ := strings.Cut(pattern, " ")
	for _, end := range []string{"", "/{$}"} {
		mux.HandleFunc(pattern+end, h)
		mux.HandleFunc("OPTIONS "+path+end, func(rw http.ResponseWriter, r *http.Request) {
			w.cors(rw, r)
			rw.WriteHeader(http.StatusNoContent)
		})
	}
}

// cors lets pages of allowed origins ask.
func (w *web) cors(rw http.ResponseWriter, r *http.Request) {
	rw.Header().Set("Vary", "Origin")
	origin := r.Header.Get("Origin")
	if origin == "" || w.o.Origin == nil || !w.o.Origin(origin, r.Host) {
		return
	}
	h := rw.Header()
	h.Set("Access-Control-Allow-Origin", origin)
	h.Set("Access-Control-Allow-Credentials", "true")
	h.Set("Access-Control-Allow-Headers", "Content-Type, Authorization")
	h.Set("Access-Control-Allow-Methods", "GET, POST, OPTIONS")
}

// answer makes of a function an answer: type, log and data. kind is the type of
// a success, "success" without one.
func (w *web) answer(kind string, f func(*http.Request, []member) ([]member, error)) http.HandlerFunc {
	return func(rw http.ResponseWriter, r *http.Request) {
		w.cors(rw, r)
		rw.Header().Set("Content-Type", "application/json")
		rw.Header().Set("Cache-Control", "no-store")
		fields, err := body(r)
		var data []member
		if err == nil {
			data, err = f(r, fields)
		}
		m := &message{kind: firstOf(kind, "success"), log: logged("", 0), data: data}
		if err != nil {
			text := "the directory cannot be asked now"
			if core.KindOf(err) != 0 && (core.KindOf(err) != core.Unavailable || about(err) == core.AboutLimit) {
				text = err.Error()
			}
			m = &message{kind: "error", log: logged(text, 2)}
		}
		_, _ = rw.Write(m.encode()) // nobody is left to tell
	}
}

// body reads the fields of a request: a flat object, or one in data.
func body(r *http.Request) ([]member, error) {
	if r.Method != http.MethodPost {
		return nil, nil
	}
	b, err := io.ReadAll(io.LimitReader(r.Body, mostBody+1))
	if err != nil || len(b) > mostBody {
		return nil, invalid("the request is too long or was cut off")
	}
	all, ok := members(b)
	if !ok {
		return nil, invalid("the request is no JSON object")
	}
	if data := get(all, "data"); len(data) > 0 && data[0] == '{' {
		all, _ = split(data)
	}
	return all, nil
}

func (w *web) find(r *http.Request, _ []member) ([]member, error) {
	user, err := w.d.Find(r.Context(), r.PathValue("name"))
	return []member{{"user_id", quote(user)}}, err
}

func (w *web) profile(r *http.Request, _ []member) ([]member, error) {
	p, err := w.d.Profile(r.Context(), parseID(r.PathValue("user")))
	return []member{{"created_at", number(p.Created)}, {"username", quote(p.Name)}, {"display", quote(p.Display)}, {"avatar", quote(p.Avatar)},
		{"about", quote(p.About)}, {"status", quote(p.Status)}, {"public_key", quote(p.PublicKey)}, {"sub_level", number(p.SubLevel)},
		{"sub_end", number(p.SubEnd)}}, err
}

func (w *web) change(r *http.Request, f []member) ([]member, error) {
	return nil, w.edit(r, owns(f), func(p *Profile) error {
		for name, into := range map[string]*string{"username": &p.Name, "display": &p.Display, "avatar": &p.Avatar, "about": &p.About, "status": &p.Status} {
			if raw := get(f, name); raw != nil {
				if !isText(raw) {
					return invalid(name + " must be a string")
				}
				*into = text(raw)
			}
		}
		p.Name = strings.ToLower(p.Name)
		return nil
	})
}

// edit changes the profile that the path names, unless there was too much
// guessing.
func (w *web) edit(r *http.Request, proof func(Profile) error, edit func(*Profile) error) error {
	user := parseID(r.PathValue("user"))
	return w.try(r, user, func() error { return w.d.change(r.Context(), user, proof, edit) })
}

func (w *web) try(r *http.Request, user string, try func() error) error {
	var from netip.Addr
	if w.o.Remote != nil {
		from = w.o.Remote(r)
	}
	return w.o.try("user "+user, from, try)
}

var errHash = &core.Error{Kind: core.Denied, Text: "this server does not take a private_key_hash", Subject: core.AboutPermission}

// byKey refuses what is proven by showing the private_key_hash, which is what
// clients identify by, where that is not taken.
func (w *web) byKey(h func(*http.Request, []member) ([]member, error)) func(*http.Request, []member) ([]member, error) {
	if w.o.LegacyClients {
		return h
	}
	return func(*http.Request, []member) ([]member, error) { return nil, errHash }
}

// owns tells, as an error, whether the private_key_hash in a request is the
// user's.
func owns(f []member) func(Profile) error {
	hash := strings.ToLower(text(get(f, "private_key_hash")))
	return func(p Profile) error {
		if !same(p.Key, hash) {
			return errWrongKey
		}
		return nil
	}
}

// changeField is what clients of August use for one field, and Iotas for keys
// and for moving a user.
func (w *web) changeField(r *http.Request, f []member) ([]member, error) {
	field := r.PathValue("field")
	if field != "iota-id" && field != "keys" {
		return w.byKey(w.change)(r, f)
	}
	token := text(get(f, "reset_token"))
	return nil, w.edit(r, func(p Profile) error {
		if !same(p.Reset, token) {
			return errToken
		}
		return nil
	}, func(p *Profile) error {
		fresh := Register{User: p.User, Name: p.Name, Iota: p.Iota, PublicKey: p.PublicKey, KeyHash: text(get(f, "private_key_hash")),
			ResetToken: text(get(f, "new_token"))}
		key := p.Key
		if field == "iota-id" {
			fresh.Iota, fresh.KeyHash = text(get(f, "iota_id")), strings.Repeat("0", 64)
		} else {
			fresh.PublicKey = text(get(f, "public_key"))
		}
		made, err := fresh.profile(time.Now())
		if err != nil {
			return err
		}
		p.Iota, p.PublicKey, p.Reset = made.Iota, made.PublicKey, made.Reset
		if p.Key = made.Key; field == "iota-id" {
			p.Key = key
		}
		return nil
	})
}

var errClosed = &core.Error{Kind: core.Denied, Text: "registering is switched off here; ask whoever runs this server", Subject: core.AboutPermission}

func (w *web) reserve(r *http.Request, _ []member) ([]member, error) {
	if !w.o.Registration {
		return nil, errClosed
	}
	user, err := w.d.Reserve(r.Context(), time.Now())
	return []member{{"user_id", quote(user)}}, err
}

func (w *web) complete(r *http.Request, f []member) ([]member, error) {
	if !w.o.Registration {
		return nil, errClosed
	}
	return nil, w.d.Complete(r.Context(), Register{User: text(get(f, "uuid")), Name: text(get(f, "username")), Iota: text(get(f, "iota_id")),
		PublicKey: text(get(f, "public_key")), KeyHash: text(get(f, "private_key_hash")), ResetToken: text(get(f, "reset_token"))}, time.Now())
}

func (w *web) remove(r *http.Request, f []member) ([]member, error) {
	user := parseID(r.PathValue("user"))
	return nil, w.try(r, user, func() error { return w.d.Delete(r.Context(), user, text(get(f, "reset_token"))) })
}

// omikron says where to connect: here.
func (w *web) omikron(r *http.Request, _ []member) ([]member, error) {
	return []member{{"omikron", json.RawMessage(quote(r.Host))}}, nil
}

// others are the questions of another Omikron, which has nothing to ask here.
func (w *web) others(*http.Request, []member) ([]member, error) {
	return nil, &core.Error{Kind: core.Denied, Text: "only the Omikron of this server may ask that"}
}
