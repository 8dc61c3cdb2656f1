package kurento

import (
	"crypto/sha256"
	"crypto/subtle"
	"encoding/json"
	"errors"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"time"

	"switchboard/internal/core"
)

// rest answers the protocol's REST paths: dossier 4. Its handlers run on the
// HTTP server's goroutines.
type rest struct{ o *Options }

func (s *rest) register(mux *http.ServeMux) {
	mux.HandleFunc("/getAllRooms", s.reading(s.allRooms))
	mux.HandleFunc("/getUpdateSpeakerInterval", s.reading(func(http.ResponseWriter, *http.Request) (any, *refusal) {
		return s.o.SpeakerInterval, nil
	}))
	mux.HandleFunc("/getThresholdSpeaker", s.reading(func(http.ResponseWriter, *http.Request) (any, *refusal) {
		return s.o.SpeakerThreshold, nil
	}))
	mux.HandleFunc("/getClientConfig", s.reading(s.clientConfig))
	mux.HandleFunc("/close", s.changing(s.closeRoom))
	mux.HandleFunc("/evict", s.changing(s.evict))
}

// clientConfig is what the demo application asks for; it breaks without the
// third key (dossier 0.14).
type clientConfig struct {
	LoopbackRemote     bool   `json:"loopbackRemote"`
	LoopbackAndLocal   bool   `json:"loopbackAndLocal"`
	FilterRequestParam string `json:"filterRequestParam"`
}

func (s *rest) clientConfig(http.ResponseWriter, *http.Request) (any, *refusal) {
	return clientConfig{s.o.LoopbackRemote, s.o.LoopbackAndLocal, s.o.FilterParam}, nil
}

// allRooms lists the names of the rooms that the asker could enter.
func (s *rest) allRooms(_ http.ResponseWriter, r *http.Request) (any, *refusal) {
	all := s.mayAdministrate(r)
	if !all && s.o.Access != core.AccessOpen {
		return nil, refuse(http.StatusForbidden, "The list of rooms is not public here")
	}
	names := []string{}
	for _, room := range s.o.Hub.Admin().Rooms(core.DefaultRealm) {
		if all || room.Policy.Guests != core.PermitNone {
			names = append(names, room.ID.Name())
		}
	}
	return names, nil
}

// closeRoom removes everybody from a room and the room.
func (s *rest) closeRoom(r *http.Request) *refusal {
	room := r.FormValue("room")
	if room == "" {
		return refuse(http.StatusBadRequest, "Required String parameter 'room' is not present")
	}
	if err := s.o.Hub.Admin().CloseRoom(core.NewRoomID(core.DefaultRealm, room)); err != nil {
		return refusalOf(err, "Room '"+room+"' not found")
	}
	s.o.Log.Info("room closed by request", "dialect", Name, "room", room, "remote", r.RemoteAddr)
	return nil
}

// evict removes one member from a room. Upstream has it in its Java API only.
func (s *rest) evict(r *http.Request) *refusal {
	room, user := r.FormValue("room"), r.FormValue("user")
	if room == "" || user == "" {
		return refuse(http.StatusBadRequest, "Required String parameters 'room' and 'user' are not present")
	}
	if err := s.o.Hub.Admin().Evict(core.NewRoomID(core.DefaultRealm, room), user); err != nil {
		return refusalOf(err, sentence(err.Error()))
	}
	s.o.Log.Info("participant evicted by request", "dialect", Name, "room", room, "user", user, "remote", r.RemoteAddr)
	return nil
}

// refusal is an answer that is no success.
type refusal struct {
	status  int
	message string
	allow   string
}

func refuse(status int, message string) *refusal { return &refusal{status: status, message: message} }

func refusalOf(err error, notFound string) *refusal {
	var e *core.Error
	if errors.As(err, &e) && e.Kind == core.NotFound {
		return refuse(http.StatusNotFound, notFound)
	}
	if e != nil {
		return refuse(http.StatusConflict, sentence(e.Text))
	}
	return refuse(http.StatusInternalServerError, "Internal error")
}

// reading answers GET and HEAD with JSON.
func (s *rest) reading(f func(http.ResponseWriter, *http.Request) (any, *refusal)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodGet && r.Method != http.MethodHead {
			s.refuse(w, r, &refusal{http.StatusMethodNotAllowed, "Request method '" + r.Method + "' not supported", "GET, HEAD"})
			return
		}
		v, no := f(w, r)
		if no != nil {
			s.refuse(w, r, no)
			return
		}
		writeJSON(w, http.StatusOK, v)
	}
}

// mostFormBytes is the longest body of a request that changes something.
const mostFormBytes = 64 << 10

// changing answers GET and POST of those who may administrate. Upstream takes
// either from anybody, also from any web page that the administrator looks at.
func (s *rest) changing(f func(*http.Request) *refusal) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		r.Body = http.MaxBytesReader(w, r.Body, mostFormBytes)
		var no *refusal
		switch {
		case r.Method != http.MethodGet && r.Method != http.MethodPost:
			no = &refusal{http.StatusMethodNotAllowed, "Request method '" + r.Method + "' not supported", "GET, POST"}
		case !s.mayAdministrate(r):
			no = refuse(http.StatusForbidden, "An administrator's token is needed")
		default:
			no = f(r)
		}
		if no != nil {
			s.refuse(w, r, no)
			return
		}
		w.Header().Set("Cache-Control", "no-store")
		w.WriteHeader(http.StatusOK)
	}
}

// mayAdministrate tells whether the request brings the administrator's token,
// as a bearer token or, with POST, as the parameter secret; or comes from this
// machine and from no web page but the server's own, where that is enough.
func (s *rest) mayAdministrate(r *http.Request) bool {
	if s.o.AdminToken != "" {
		token, isBearer := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
		if !isBearer && r.Method == http.MethodPost {
			token = r.FormValue("secret")
		}
		// Hashes have the same length, so the comparison takes the same time.
		want, got := sha256.Sum256([]byte(s.o.AdminToken)), sha256.Sum256([]byte(token))
		return subtle.ConstantTimeCompare(want[:], got[:]) == 1
	}
	return s.o.OpenAdmin && fromHere(r) && !fromElsewhere(r)
}

// fromHere tells whether the request was made on this machine to a name of this
// machine; the latter so that no web page reaches it by a name of its own that
// was made to point here. One that a proxy passed on was made elsewhere, even if
// the proxy runs here.
func fromHere(r *http.Request) bool {
	for _, header := range []string{"Forwarded", "X-Forwarded-For", "X-Real-Ip", "Via"} {
		if r.Header.Get(header) != "" {
			return false
		}
	}
	peer, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil || !peer.Addr().Unmap().IsLoopback() {
		return false
	}
	host := r.Host
	if h, _, err := net.SplitHostPort(host); err == nil {
		host = h
	}
	ip, err := netip.ParseAddr(strings.Trim(host, "[]"))
	return strings.EqualFold(host, "localhost") || (err == nil && ip.IsLoopback())
}

// fromElsewhere tells whether a page of another origin made the request
// (Fetch Metadata section 2.3, RFC 6454 section 7).
func fromElsewhere(r *http.Request) bool {
	switch r.Header.Get("Sec-Fetch-Site") {
	case "", "same-origin", "none":
	default:
		return true
	}
	origin := r.Header.Get("Origin")
	if origin == "" {
		return false
	}
	u, err := url.Parse(origin)
	return err != nil || !strings.EqualFold(u.Host, r.Host)
}

// failure is the body of a refusal, in the form upstream's framework has.
type failure struct {
	Timestamp int64  `json:"timestamp"` // ms since 1970
	Status    int    `json:"status"`
	Error     string `json:"error"`
	Message   string `json:"message"`
	Path      string `json:"path"`
}

func (s *rest) refuse(w http.ResponseWriter, r *http.Request, no *refusal) {
	if no.allow != "" {
		w.Header().Set("Allow", no.allow)
	}
	writeJSON(w, no.status, failure{time.Now().UnixMilli(), no.status, http.StatusText(no.status), no.message, r.URL.Path})
}

func writeJSON(w http.ResponseWriter, status int, v any) {
	text, err := json.Marshal(v)
	if err != nil { // plain values only: cannot be
		http.Error(w, "internal error", http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "application/json;charset=UTF-8")
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set("X-Content-Type-Options", "nosniff")
	w.WriteHeader(status)
	_, _ = w.Write(text) // the client may be gone
}
