package omikron_test

import (
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"
	"time"

	"switchboard/internal/core"
	"switchboard/internal/dialect/omikron"
)

// TestRemote: an auth server elsewhere is believed when it says yes, and only
// then; one that hangs or talks nonsense is a failure that can be told apart.
func TestRemote(t *testing.T) {
	iota, key := house(faultAda), strings.Repeat("a", 64)
	release := make(chan struct{})
	for name, row := range map[string]struct {
		matches string // the answer to the question of the hash
		want    core.ErrorKind
	}{
		"yes":                 {`{"type":"success","log":{},"data":{"matches":true}}`, 0},
		"yes of August":       {`{"type":"message","data":{"matches":true}}`, 0},
		"no":                  {`{"type":"success","data":{"matches":false}}`, core.Denied},
		"an error object":     {`{"type":"success","data":{"matches":{"type":"error"}}}`, core.Denied},
		"an error":            {`{"type":"error","data":{"matches":true}}`, core.Denied},
		"nothing":             {`{}`, core.Denied},
		"no JSON":             {`<html>`, core.Unavailable},
		"it hangs":            {"hang", core.Unavailable},
		"it breaks":           {"break", core.Unavailable},
		"more than is sane":   {strings.Repeat(" ", 1<<20) + `{}`, core.Unavailable},
		"a text, not a truth": {`{"data":{"matches":"true"}}`, core.Denied},
	} {
		t.Run(name, func(t *testing.T) {
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				switch {
				case r.Header.Get("Authorization") != "me":
					t.Errorf("Authorization %q", r.Header.Get("Authorization"))
				case r.URL.Path == "/api/get/iota-id/"+faultAda:
					_, _ = w.Write([]byte(`{"type":"success","data":{"iota_uuid":"` + iota + `"}}`))
				case r.URL.Path == "/api/get/iota-id/"+faultBob:
					_, _ = w.Write([]byte(`{"type":"error","data":{}}`))
				case r.URL.Path != "/api/get/private-key-hash/"+faultAda || r.Header.Get("PrivateKeyHash") != key:
					t.Errorf("asked for %s with %v", r.URL.Path, r.Header)
				case row.matches == "hang":
					select {
					case <-release:
					case <-r.Context().Done():
					}
				case row.matches == "break":
					panic(http.ErrAbortHandler)
				default:
					_, _ = w.Write([]byte(row.matches))
				}
			}))
			defer server.Close()
			client := server.Client()
			defer client.CloseIdleConnections()
			d := &omikron.Remote{Client: client, URL: server.URL + "/", ID: "me", Patience: 200 * time.Millisecond}
			who, err := d.Resident(t.Context(), faultAda, omikron.Proof{Secret: key})
			if got := core.KindOf(err); got != row.want || (err == nil && who.Iota != iota) {
				t.Errorf("%+v, error %v, want kind %v", who, err, row.want)
			}
			housed, err := d.Housed(t.Context(), iota, omikron.Proof{}, []string{faultAda, faultBob})
			if err != nil || len(housed) != 1 || housed[0] != faultAda {
				t.Errorf("housed %v, %v", housed, err)
			}
		})
	}
	close(release)
}

// TestRemoteShowsNobodyElse: an auth server that names another place within itself
// is asked there; one that names another server leads nowhere, since that would
// see the hash.
func TestRemoteShowsNobodyElse(t *testing.T) {
	iota, key := house(faultAda), strings.Repeat("a", 64)
	other := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		t.Errorf("another server is asked for %s with %v", r.URL, r.Header)
		_, _ = w.Write([]byte(`{"type":"success","data":{"matches":true,"iota_id":"` + iota + `"}}`))
	}))
	defer other.Close()
	for name, row := range map[string]struct {
		to   string
		want core.ErrorKind
	}{"itself": {"", 0}, "another": {other.URL, core.Unavailable}} {
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if !strings.HasSuffix(r.URL.Path, "/") {
				http.Redirect(w, r, row.to+r.URL.Path+"/", http.StatusPermanentRedirect)
				return
			}
			_, _ = w.Write([]byte(`{"type":"success","data":{"matches":` + strconv.FormatBool(r.Header.Get("PrivateKeyHash") == key) + `,"iota_id":"` + iota + `"}}`))
		}))
		d := &omikron.Remote{Client: server.Client(), URL: server.URL}
		if who, err := d.Resident(t.Context(), faultAda, omikron.Proof{Secret: key}); core.KindOf(err) != row.want || err == nil && who.Iota != iota {
			t.Errorf("led to %s: %+v, %v", name, who, err)
		}
		d.Client.CloseIdleConnections()
		server.Close()
	}
}

// shelf is a memory that keeps all for ever and counts nothing.
type shelf map[string]string

func (s shelf) Recall(key string) (string, bool)       { text, kept := s[key]; return text, kept }
func (s shelf) Keep(key, text string, _ time.Duration) { s[key] = text }

// TestRemoteRemembers: what the auth server said is not asked again while it is
// good, a wrong key is asked about each time, and no key can be read in what is
// kept.
func TestRemoteRemembers(t *testing.T) {
	iota, key := house(faultAda), strings.Repeat("a", 64)
	asked := map[string]int{}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked[r.URL.Path]++
		if strings.HasPrefix(r.URL.Path, "/api/get/iota-id/") {
			_, _ = w.Write([]byte(`{"type":"success","data":{"iota_id":"` + iota + `"}}`))
			return
		}
		_, _ = w.Write([]byte(`{"type":"success","data":{"matches":` + strconv.FormatBool(r.Header.Get("PrivateKeyHash") == key) + `}}`))
	}))
	defer server.Close()
	kept := shelf{}
	d := &omikron.Remote{Client: server.Client(), URL: server.URL, Memory: kept}
	defer d.Client.CloseIdleConnections()
	for range 3 {
		if who, err := d.Resident(t.Context(), faultAda, omikron.Proof{Secret: key}); err != nil || who.Iota != iota {
			t.Errorf("%+v, %v", who, err)
		}
		if _, err := d.Resident(t.Context(), faultAda, omikron.Proof{Secret: "other"}); core.KindOf(err) != core.Denied {
			t.Errorf("a wrong key: %v", err)
		}
		if housed, err := d.Housed(t.Context(), iota, omikron.Proof{}, []string{faultAda}); err != nil || len(housed) != 1 {
			t.Errorf("housed %v, %v", housed, err)
		}
	}
	if asked["/api/get/iota-id/"+faultAda] != 1 || asked["/api/get/private-key-hash/"+faultAda] != 4 {
		t.Errorf("the auth server was asked %v, want once for the Iota, and once for the right and thrice for the wrong key", asked)
	}
	for k, v := range kept {
		if strings.Contains(k+v, key) {
			t.Errorf("a key is kept as it is: %q", k)
		}
	}
}
