package browser

import (
	"fmt"
	"strings"
	"testing"

	"github.com/chromedp/cdproto/webauthn"
	"github.com/chromedp/chromedp"
)

// TestPasskey lets a page make a passkey with an authenticator that exists only in software, and sign in with it, as the
// pages of Tensamin do: what it is told both times unlocks the key that it keeps.
func TestPasskey(t *testing.T) {
	page := strings.Replace(servePage(t, "passkeys", "passkey.js"), "127.0.0.1", "localhost", 1) // no domain, no passkeys
	server, browser := startServer(t, "dialects.omikron.access=open", "dialects.omikron.passkey_domain=localhost"), startBrowser(t)
	settle(t, server)
	ada, bob, _ := residents()
	tab := openTab(t, browser, "ada", page)
	if _, err := chromedp.Call(tab.ctx, webauthn.Enable, webauthn.EnableParams{}); err != nil {
		t.Fatal(err)
	}
	if _, err := chromedp.Call(tab.ctx, webauthn.AddVirtualAuthenticator, webauthn.AddVirtualAuthenticatorParams{Options: &webauthn.VirtualAuthenticatorOptions{
		Protocol: webauthn.AuthenticatorProtocolCtap2, Transport: webauthn.AuthenticatorTransportInternal, HasResidentKey: true,
		HasUserVerification: true, IsUserVerified: true, AutomaticPresenceSimulation: true}}); err != nil {
		t.Fatal(err)
	}
	api := quote("http://" + server.address + "/api")
	made := must[string](tab, fmt.Sprintf("passkeys.make(%s, %s, %s)", api, quote(ada.id), quote(key(ada.id))))
	if len(made) < 170 { // 128 bytes in base64
		t.Fatalf("making a passkey: %s", made)
	}
	if got := must[string](tab, fmt.Sprintf("passkeys.use(%s, %s)", api, quote(ada.id))); got != made {
		t.Errorf("signing in: %s, want what was told when the passkey was made", got)
	}
	if got := must[string](tab, fmt.Sprintf("passkeys.use(%s, %s)", api, quote(bob.id))); got != "the passkey was not accepted" {
		t.Errorf("signing in as somebody else: %s", got)
	}
}
