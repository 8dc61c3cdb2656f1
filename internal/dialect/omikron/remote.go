package omikron

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"switchboard/internal/core"
)

// Remote is a [Directory] that asks an auth server elsewhere, by the two
// questions that an Omikron has there (dossier 3.3). Its methods may be called by
// any goroutine.
type Remote struct {
	Client *http.Client
	URL    string // of the auth server, without /api
	ID     string // shown as Authorization
	// Patience is how long one question may take, Asking how long an Iota's
	// users may take together; 5 s and 30 s.
	Patience, Asking time.Duration
	// Memory keeps answers for a while; nil keeps none.
	Memory Memory
}

// Memory keeps texts for as long as they are good. Its methods may be called by
// any goroutine.
type Memory interface {
	Recall(key string) (text string, good bool)
	Keep(key, text string, good time.Duration)
}

// How long answers are good: which Iota is whose changes seldom, a key must be
// void soon after its owner has changed it. Only what somebody has is kept.
const (
	iotaGood = time.Minute
	keyGood  = 3 * time.Second
)

func (r *Remote) recall(key string) string {
	if r.Memory == nil {
		return ""
	}
	text, good := r.Memory.Recall(key)
	if !good {
		return ""
	}
	return text
}

func (r *Remote) keep(key, text string, good time.Duration) {
	if r.Memory != nil && text != "" {
		r.Memory.Keep(key, text, good)
	}
}

// withinServer follows a server that names another place within itself, and none
// that names another server, which would see the hash.
func withinServer(next *http.Request, before []*http.Request) error {
	if first := before[0].URL; next.URL.Scheme != first.Scheme || next.URL.Host != first.Host || len(before) > mostRedirects {
		return http.ErrUseLastResponse
	}
	return nil
}

const mostRedirects = 3

// mostAnswer bounds what is read of an answer.
const mostAnswer = 64 << 10

func (r *Remote) times() (patience, asking time.Duration) {
	patience, asking = r.Patience, r.Asking
	if patience <= 0 {
		patience = 5 * time.Second
	}
	if asking <= 0 {
		asking = 30 * time.Second
	}
	return patience, asking
}

// ask asks one question and returns the data of the answer; nil when the server
// says that something is wrong with the question.
func (r *Remote) ask(ctx context.Context, question, user, keyHash string) ([]member, error) {
	patience, _ := r.times()
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, strings.TrimSuffix(r.URL, "/")+"/api/get/"+question+"/"+url.PathEscape(user), nil)
	if err != nil {
		return nil, err
	}
	request.Header.Set("Authorization", r.ID)
	if keyHash != "" {
		request.Header.Set("PrivateKeyHash", keyHash)
	}
	client := *r.Client
	client.CheckRedirect = withinServer
	answer, err := client.Do(request)
	if err != nil {
		return nil, err
	}
	defer func() { _ = answer.Body.Close() }() // it was only read
	b, err := io.ReadAll(io.LimitReader(answer.Body, mostAnswer))
	if err != nil {
		return nil, err
	}
	all, ok := members(b)
	if !ok || answer.StatusCode >= http.StatusInternalServerError {
		return nil, fmt.Errorf("the auth server answered with status %d and no JSON object", answer.StatusCode)
	}
	if text(get(all, "type")) == "error" {
		return nil, nil
	}
	data, _ := split(get(all, "data"))
	return data, nil
}

// unavailable is what clients are told when the auth server cannot be asked.
func unavailable(err error) error {
	return errors.Join(&core.Error{Kind: core.Unavailable, Text: "the auth server cannot be asked now; try again later"}, err)
}

// Resident implements [Directory].
func (r *Remote) Resident(ctx context.Context, user string, p Proof) (Resident, error) {
	sum := sha256.Sum256([]byte(user + p.Secret)) // the memory holds no key
	key := "key " + string(sum[:])
	if r.recall(key) == "" {
		data, err := r.ask(ctx, "private-key-hash", user, p.Secret)
		if err != nil {
			return Resident{}, unavailable(err)
		}
		var matches bool // only true itself: once an error object there counted as true
		if json.Unmarshal(orNull(get(data, "matches")), &matches) != nil || !matches {
			return Resident{}, errWrongKey
		}
		r.keep(key, "right", keyGood)
	}
	iota, err := r.iota(ctx, user)
	if err != nil {
		return Resident{}, unavailable(err)
	}
	return Resident{User: user, Iota: iota}, nil
}

// iota returns the id of a user's Iota, "" for one that nobody knows.
func (r *Remote) iota(ctx context.Context, user string) (string, error) {
	if known := r.recall("iota " + user); known != "" {
		return known, nil
	}
	data, err := r.ask(ctx, "iota-id", user, "")
	found := firstOf(id(get(data, "iota_id")), id(get(data, "iota_uuid")))
	r.keep("iota "+user, found, iotaGood)
	return found, err
}

// Housed implements [Directory]. The auth server keeps no secrets of Iotas.
func (r *Remote) Housed(ctx context.Context, iota string, _ Proof, users []string) (housed []string, err error) {
	_, asking := r.times()
	ctx, cancel := context.WithTimeout(ctx, asking)
	defer cancel()
	for _, u := range users {
		of, err := r.iota(ctx, u)
		if err != nil {
			return nil, unavailable(err)
		}
		if of == iota {
			housed = append(housed, u)
		}
	}
	return housed, nil
}

// Salt implements [Directory]: the auth server compares hashes only.
func (r *Remote) Salt(context.Context, string, string) (string, error) {
	return "", invalid("the auth server of this server knows no challenges")
}

func orNull(raw json.RawMessage) json.RawMessage {
	if raw == nil {
		return json.RawMessage("null")
	}
	return raw
}
