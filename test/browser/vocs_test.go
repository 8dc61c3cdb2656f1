package browser

import (
	"context"
	"fmt"
	"os"
	"testing"

	"github.com/chromedp/chromedp"
)

// vocs is a page of the openvocs web client, which is not ours and stays as it is. Its parts lie in shadow trees, so
// that they are reached by script.
type vocs struct{ operator }

const vocsLoop = `[...document.querySelector('#loops').shadowRoot.querySelectorAll('ov-loop')].find((l) => l.loop_id === %s)`

func openVocs(t *testing.T, browser context.Context, address, name string, hertz int) vocs {
	t.Helper()
	return vocs{operator{openTab(t, browser, name, fmt.Sprintf("http://%s/app/vocs/?tone=%d", address, hertz), tones), hertz}}
}

func (v vocs) signIn(user, password string) {
	v.t.Helper()
	v.until("the form", `document.querySelector('#login_button') !== null`)
	must[chromedp.Void](v.tab, fmt.Sprintf(`{ for (const [id, text] of [['#username', %s], ['#password', %s]]) {
		const field = document.querySelector(id);
		field.value = text;
		field.dispatchEvent(new KeyboardEvent('keyup', { bubbles: true }));
	} document.querySelector('#login_button').click(); } undefined`, quote(user), quote(password)))
}

// choose takes up the first role.
func (v vocs) choose() {
	v.t.Helper()
	v.until("roles", `document.querySelector('#authorization_list input') !== null`)
	must[chromedp.Void](v.tab, `document.querySelector('#authorization_list input').click()`)
}

func (v vocs) is(loop, state string) {
	v.t.Helper()
	v.until(loop+" in state "+state, fmt.Sprintf(vocsLoop+"?.state === %s", quote(loop), quote(state)))
}

// join presses a loop's key until it is in a state: the first press listens, the next one talks.
func (v vocs) join(loop, state string) {
	v.t.Helper()
	v.until("the loop "+loop, fmt.Sprintf(vocsLoop+" !== undefined", quote(loop)))
	for _, step := range []string{"recv", "send"} {
		must[chromedp.Void](v.tab, fmt.Sprintf(vocsLoop+".shadowRoot.querySelector('#join_loop').click()", quote(loop)))
		v.is(loop, step)
		if step == state {
			return
		}
	}
}

func (v vocs) hold(down bool) {
	v.t.Helper()
	event := map[bool]string{true: "mousedown", false: "mouseup"}[down]
	must[chromedp.Void](v.tab, fmt.Sprintf(`document.querySelector('#push_to_talk_button').dispatchEvent(new MouseEvent(%s, { bubbles: true })); undefined`, quote(event)))
}

// TestTheOpenvocsClientWorks drives the real web client from an operator's copy of it, beside our own panel.
func TestTheOpenvocsClientWorks(t *testing.T) {
	tree := os.Getenv("OPENVOCS_TREE")
	if tree == "" {
		t.Skip("OPENVOCS_TREE is not set; name the folder with the openvocs web client (its src/HTML) to drive it here")
	}
	server, browser := startServer(t, "dialects.openvocs.static="+tree, "dialects.openvocs.push_to_talk=true"), startBrowser(t)
	gene := operate(t, browser, server.address, "flight", "flight", 500)
	gene.press("fd", "talk", "talk")

	sy := openVocs(t, browser, server.address, "eecom", 820)
	sy.signIn("eecom", "not it")
	sy.until("to be told", `document.querySelector('#login_message')?.innerText !== ''`)
	sy.signIn("eecom", demoPassword)
	sy.choose()
	sy.join("fd", "send")
	gene.sees("fd", "people", "You", "Sy")

	gene.hold(true)
	sy.hears(gene, 50)
	sy.hold(true)
	gene.hears(sy.operator, 50)
	gene.sees("fd", "talkers", "Sy")
	sy.hold(false)
	gene.hearsNothingOf(sy.operator)

	sy.do(chromedp.Reload())
	sy.is("fd", "send")
	sy.hears(gene, 50)
}
