package socket

import (
	"strings"
	"testing"
)

func TestLogsShowNoSecrets(t *testing.T) {
	tests := map[string]struct{ give, want string }{
		"a password":            {`{"user":"ada","password":"hunter2"}`, `{"user":"ada","password":"…"}`},
		"in other letters":      {`{"Pass_Word" : "hunter2"}`, `{"Pass_Word" : "…"}`},
		"with quotes in it":     {`{"token":"a\"b\\","x":1}`, `{"token":"…","x":1}`},
		"a session description": {`{"sdpOffer":"v=0\r\na=ice-pwd:x","id":1}`, `{"sdpOffer":"…","id":1}`},
		"a session to resume":   {`{"result":{"value":[],"sessionId":"abc"}}`, `{"result":{"value":[],"sessionId":"…"}}`},
		"its key in a sentence": {`{"message":"No participant with id 'k3y' was found"}`, `{"message":"No participant with id '…' was found"}`},
		"not closed":            {`{"secret":"abc`, `{"secret":"…"`},
		"nothing to hide":       {`{"message":"hello","n":[1,2]}`, `{"message":"hello","n":[1,2]}`},
	}
	for name, test := range tests {
		if got := hide([]byte(test.give), "k3y"); got != test.want {
			t.Errorf("%s: %s, want %s", name, got, test.want)
		}
	}
	long := `{"message":"` + strings.Repeat("x", mostTraced-30) + `","password":"` + strings.Repeat("s", 100) + `"}`
	if got := hide([]byte(long), "k3y"); strings.Contains(got, "sss") || !strings.HasSuffix(got, "…") || len(got) > mostTraced+50 {
		t.Errorf("a secret at the cut is shown: …%s", got[len(got)-60:])
	}
}
