package calling

// field is a member that some request has.
type field uint8

const (
	fType field = iota
	fTID
	fNamespace
	fRoom
	fStatus
	fTime
	fKey
	fValue
	fCheck
	fPrevious
	fUser
	fEvent
	fData
	fHandle
	fPending
	fieldCount
)

func fieldOf(key []byte) (field, bool) {
	switch string(unquote(key)) {
	case "type":
		return fType, true
	case "tid":
		return fTID, true
	case "namespace":
		return fNamespace, true
	case "room":
		return fRoom, true
	case "status":
		return fStatus, true
	case "time":
		return fTime, true
	case "key":
		return fKey, true
	case "value":
		return fValue, true
	case "check":
		return fCheck, true
	case "previous":
		return fPrevious, true
	case "user":
		return fUser, true
	case "event":
		return fEvent, true
	case "data":
		return fData, true
	case "handle":
		return fHandle, true
	case "pending":
		return fPending, true
	}
	return 0, false
}

// message is what a client sent: its members, of which the last of a name
// counts. It has no pointers but one, since there is one for every message.
type message struct {
	text    []byte
	fields  [fieldCount]span
	strange bool // there are members that no request has
}

// span is where a value stands in a message.
type span struct {
	kind     kind
	from, to uint32
}

// decode reads a message. It tells of what kind it is; only an object can be a
// request.
func (m *message) decode(b []byte) (kind, bool) {
	m.text = b
	return parse(b, func(key []byte, v value) {
		f, known := fieldOf(key)
		if !known {
			m.strange = true
			return
		}
		from := cap(b) - cap(v.raw) // a part of b knows where it begins
		m.fields[f] = span{v.kind, uint32(from), uint32(from + len(v.raw))}
	})
}

func (m *message) get(f field) value {
	s := m.fields[f]
	return value{s.kind, m.text[s.from:s.to]}
}

// accepts is a set of kinds.
type accepts uint16

// Kinds of fields (dossier 2.1): an object may be an array or null as well.
const (
	aText    = accepts(1 << text)
	aNumber  = accepts(1 << number)
	aBoolean = accepts(1 << boolean)
	aObject  = accepts(1<<object | 1<<array | 1<<null)
	aAny     = aText | aNumber | aBoolean | aObject
	optional = accepts(1 << absent)
)

// rule is what a request expects of one of its fields.
type rule struct {
	field field
	takes accepts
}

// request is one kind of request: its fields in the order of checking, and how
// it is executed. do returns the data of the answer, often none.
type request struct {
	fields []rule
	do     func(*conversation, *message) ([]byte, error)
}

// requestOf is the table of all requests there are (dossier 2.2, 1.4, 1.5).
func requestOf(name []byte) (request, bool) {
	switch string(name) {
	case "ping":
		return request{nil, (*conversation).ping}, true
	case "remote_ping":
		return request{timeFields, (*conversation).remotePing}, true
	case "remote_timeout":
		return request{timeFields, (*conversation).remoteTimeout}, true
	case "status":
		return request{statusFields, (*conversation).setStatus}, true
	case "ns_subscribe":
		return request{namespaceFields, (*conversation).subscribe}, true
	case "ns_unsubscribe":
		return request{namespaceFields, (*conversation).unsubscribe}, true
	case "ns_user_register":
		return request{namespaceFields, (*conversation).registerUser}, true
	case "ns_user_unregister":
		return request{namespaceFields, (*conversation).unregisterUser}, true
	case "ns_room_register":
		return request{listingFields, (*conversation).registerRoom}, true
	case "ns_room_unregister":
		return request{listingFields, (*conversation).unregisterRoom}, true
	case "room_join":
		return request{joinFields, (*conversation).join}, true
	case "room_leave":
		return request{roomFields, (*conversation).leave}, true
	case "room_peer_status":
		return request{peerStatusFields, (*conversation).peerStatus}, true
	case "room_peer_update":
		return request{peerUpdateFields, (*conversation).peerUpdate}, true
	case "room_status":
		return request{roomStatusFields, (*conversation).roomStatus}, true
	case "room_peer_to":
		return request{peerToFields, (*conversation).peerTo}, true
	case "invite_send":
		return request{inviteFields, (*conversation).invite}, true
	case "invite_cancel":
		return request{handleFields, (*conversation).cancel}, true
	case "invite_accept":
		return request{acceptFields, (*conversation).accept}, true
	case "invite_deny":
		return request{handleFields, (*conversation).deny}, true
	}
	return request{}, false
}

var (
	timeFields       = []rule{{fTime, aNumber}}
	statusFields     = []rule{{fStatus, aObject}}
	namespaceFields  = []rule{{fNamespace, aText}}
	listingFields    = []rule{{fNamespace, aText}, {fRoom, aText}}
	joinFields       = []rule{{fRoom, aText | optional}, {fStatus, aObject | optional}}
	roomFields       = []rule{{fRoom, aText}}
	peerStatusFields = []rule{{fRoom, aText}, {fStatus, aObject}}
	peerUpdateFields = []rule{{fRoom, aText}, {fStatus, aObject | optional}, {fPending, aBoolean | optional}}
	roomStatusFields = []rule{{fRoom, aText}, {fKey, aText}, {fValue, aAny | optional}, {fCheck, aBoolean | optional},
		{fPrevious, aAny | optional}}
	peerToFields = []rule{{fRoom, aText}, {fUser, aText}, {fEvent, aText}, {fData, aObject}}
	inviteFields = []rule{{fRoom, aText}, {fUser, aText}, {fData, aObject}}
	handleFields = []rule{{fHandle, aNumber}}
	acceptFields = []rule{{fHandle, aNumber}, {fStatus, aObject}}
)

// check finds what is wrong with a request's fields, in the order of dossier
// 2.1: first the fields as they are listed, then the id, then others.
func (m *message) check(fields []rule) error {
	allowed := accepts(1<<fType | 1<<fTID)
	for _, r := range fields {
		allowed |= 1 << r.field
		if err := m.fields[r.field].kind.fits(r.takes); err != nil {
			return err
		}
	}
	if err := m.fields[fTID].kind.fits(aNumber | optional | 1<<null); err != nil {
		return err
	}
	for f, v := range m.fields {
		if v.kind != absent && allowed&(1<<f) == 0 {
			return errUnexpected
		}
	}
	if m.strange {
		return errUnexpected
	}
	return nil
}

func (k kind) fits(takes accepts) error {
	switch {
	case takes&(1<<k) != 0:
		return nil
	case k <= null:
		return errMissing
	}
	return errMismatch
}
