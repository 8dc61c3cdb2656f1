package browser

import (
	"context"
	_ "embed"
	"fmt"
	"math"
	"testing"

	"github.com/chromedp/cdproto/input"
	"github.com/chromedp/chromedp"
)

//go:embed tones.js
var tones string

// operator is somebody with the panel of loops open. Instead of a microphone they have a tone.
type operator struct {
	*tab
	hertz int
}

// People of the demonstration that a new server starts with: Gene, the user flight, in the role of that name, and Charlie,
// the user capcom. Both may talk on the loop fd and in the lobby, where guests of other protocols may be, too.
const (
	demoPassword = "switchboard"
	openLoop     = "lobby"
)

// volumeStep is what ten of a hundred make, in decibels.
const volumeStep = 3

// openPanel opens the panel without signing in.
func openPanel(t *testing.T, browser context.Context, address, name string, hertz int) operator {
	t.Helper()
	return operator{openTab(t, browser, name, fmt.Sprintf("http://%s/loops/?tone=%d", address, hertz), tones), hertz}
}

// operate opens the panel, signs in and takes up a role.
func operate(t *testing.T, browser context.Context, address, user, role string, hertz int) operator {
	t.Helper()
	o := openPanel(t, browser, address, user, hertz)
	o.signIn(user, demoPassword)
	o.choose(role)
	return o
}

func (o operator) signIn(user, password string) {
	o.t.Helper()
	o.until("the form", `document.querySelector('[data-testid=sign-in]')?.ariaDisabled === 'false'`)
	must[chromedp.Void](o.tab, `{ for (const name of ['user', 'password']) document.querySelector('[data-testid=' + name + ']').value = ''; } undefined`)
	o.do(chromedp.SendKeys(hook("user"), user), chromedp.SendKeys(hook("password"), password), chromedp.Click(hook("sign-in")))
}

func (o operator) choose(role string) {
	o.t.Helper()
	o.do(chromedp.Click(chromedp.CSS(fmt.Sprintf(`[data-testid=role][data-role=%q]`, role))))
	o.in("on")
}

// in waits for a state of the page.
func (o operator) in(state string) {
	o.t.Helper()
	o.until("state "+state, fmt.Sprintf("document.querySelector('[data-testid=state]').dataset.state === %s", quote(state)))
}

// keyOf is a loop's key, as JavaScript.
func keyOf(loop string) string {
	return fmt.Sprintf("document.querySelector('[data-testid=loop][data-loop=%s]')", quote(loop))
}

// press presses a part of a loop's key, and waits for the loop to be in a mode.
func (o operator) press(loop, part, mode string) {
	o.t.Helper()
	o.do(chromedp.Click(chromedp.CSS(fmt.Sprintf(`[data-testid=loop][data-loop=%q] [data-testid=%s]`, loop, part))))
	o.is(loop, mode)
}

func (o operator) is(loop, mode string) {
	o.t.Helper()
	o.until(loop+" in mode "+mode, fmt.Sprintf("%s?.dataset.mode === %s", keyOf(loop), quote(mode)))
}

// setVolume moves the slider as a person does.
func (o operator) setVolume(loop string, volume int) {
	o.t.Helper()
	must[chromedp.Void](o.tab, fmt.Sprintf(`{ const s = %s.querySelector('[data-testid=volume]'); s.value = %d; s.dispatchEvent(new Event('change', { bubbles: true })); } undefined`, keyOf(loop), volume))
	o.until("the volume to be taken", fmt.Sprintf("%s.dataset.volume === '%d'", keyOf(loop), volume))
}

// hold holds the key for push-to-talk, or lets it go.
func (o operator) hold(down bool) {
	o.t.Helper()
	if !down {
		o.release()
		o.open(false)
		return
	}
	o.send(input.DispatchKeyEventTypeRawKeyDown)
	o.open(true)
}

// release lets the key for push-to-talk go, whatever that does.
func (o operator) release() {
	o.t.Helper()
	o.send(input.DispatchKeyEventTypeKeyUp)
}

func (o operator) send(kind input.DispatchKeyEventType) {
	o.t.Helper()
	ctx, cancel := context.WithTimeout(o.ctx, patience)
	defer cancel()
	if _, err := chromedp.Call(ctx, input.DispatchKeyEvent, input.DispatchKeyEventParams{Type: kind, Code: "Space", Key: " ", WindowsVirtualKeyCode: 32}); err != nil {
		o.t.Fatalf("%s: %v", o.name, err)
	}
}

// holdButton holds the button for push-to-talk with the mouse, or lets it go.
func (o operator) holdButton(down bool) {
	o.t.Helper()
	at := must[struct{ X, Y float64 }](o.tab, `(({ x, y, width, height }) => ({ x: x + width / 2, y: y + height / 2 }))(document.querySelector('[data-testid=ptt]').getBoundingClientRect())`)
	kind := chromedp.MouseReleased
	if down {
		kind = chromedp.MousePressed
	}
	o.do(chromedp.MouseEvent(kind, at.X, at.Y, chromedp.ButtonType(input.MouseButtonLeft), chromedp.ClickCount(1)))
	o.open(down)
}

// open waits until push-to-talk is open, or closed.
func (o operator) open(open bool) {
	o.t.Helper()
	o.until(fmt.Sprintf("push-to-talk to be %v", open), fmt.Sprintf("document.querySelector('[data-testid=ptt]').dataset.open === '%v'", open))
}

// loudness is how loud a tone is in what the page plays, in decibels below how it was spoken.
func (o operator) loudness(hertz int) float64 {
	o.t.Helper()
	return must[float64](o.tab, fmt.Sprintf("tones.level(%d)", hertz))
}

// hears waits until a tone is heard at a volume, as loud as it should be, and oneself not at all.
func (o operator) hears(other operator, volume int) {
	o.t.Helper()
	want := float64(volume-100) / 10 * volumeStep
	o.settles(other, fmt.Sprintf("%s to hear %s at %.0f dB", o.name, other.name, want), func(got float64) bool { return math.Abs(got-want) < volumeStep/2 })
	o.hearsNothingOf(o)
}

// silence is what counts as not heard: the noise with which silence is filled lies some 70 dB below full scale, and a
// tone is spoken 12 dB below it.
const silence = -45

// hearsNothingOf waits until a tone is no longer heard.
func (o operator) hearsNothingOf(other operator) {
	o.t.Helper()
	o.settles(other, fmt.Sprintf("%s to hear nothing of %s", o.name, other.name), func(got float64) bool { return got < silence })
}

// settles waits until the loudness of a tone is right and stays so for longer than what is measured at once, since
// loudness on its way to somewhere else is right for a moment.
func (o operator) settles(other operator, what string, right func(loudness float64) bool) {
	o.t.Helper()
	const looks = 8
	kept := 0
	eventually(o.t, what, func() (bool, string) {
		got := o.loudness(other.hertz)
		if kept++; !right(got) {
			kept = 0
		}
		return kept == looks, fmt.Sprintf("it was %.1f dB", got)
	})
}

// sees waits until a loop's key shows a list of names; order does not count.
func (o operator) sees(loop, what string, names ...string) {
	o.t.Helper()
	o.until(fmt.Sprintf("%s of %s to be %v", what, loop, names),
		fmt.Sprintf("%s?.dataset[%s]?.split(',').filter((n) => n).sort().join() === [...%s].sort().join()", keyOf(loop), quote(what), list(names)))
}

func TestOperatorsHearWhomTheyShould(t *testing.T) {
	server, browser := startServer(t), startBrowser(t)
	gene := operate(t, browser, server.address, "flight", "flight", 500)
	charlie := operate(t, browser, server.address, "capcom", "capcom", 820)

	gene.press("fd", "talk", "talk")
	charlie.press("fd", "monitor", "monitor")
	charlie.sees("fd", "people", "You", "Gene")
	gene.sees("fd", "people", "You", "Charlie")

	// Nobody is heard before they press, and nobody longer than they press.
	charlie.hearsNothingOf(gene)
	gene.hold(true)
	charlie.hears(gene, 50)
	charlie.sees("fd", "talkers", "Gene")
	gene.hearsNothingOf(gene)
	gene.hold(false)
	charlie.hearsNothingOf(gene)
	charlie.sees("fd", "talkers")

	// Each at the loudness that they set for each loop.
	gene.hold(true)
	for _, volume := range []int{100, 80, 20} {
		charlie.setVolume("fd", volume)
		charlie.hears(gene, volume)
	}
	charlie.setVolume("fd", 0)
	charlie.hearsNothingOf(gene)
	charlie.setVolume("fd", 50)
	charlie.hears(gene, 50)

	// Who has no microphone is told so, and hears all the same.
	visitor := openPanel(t, browser, server.address, "visitor", 0)
	visitor.signIn("visitor", demoPassword)
	visitor.in("on") // in the only role that there is
	visitor.until("advice", `document.body.innerText.includes('No microphone was found')`)
	visitor.press("fd", "monitor", "monitor")
	visitor.settles(gene, "the visitor to hear gene", func(got float64) bool { return got > silence })
	visitor.until("no key for talking", keyOf("fd")+".querySelector('[data-testid=talk]') === null")
	charlie.sees("fd", "people", "You", "Gene", "Visitor")

	// All at once, and back.
	charlie.do(chromedp.Click(hook("mute-all")))
	charlie.hearsNothingOf(gene)
	charlie.do(chromedp.Click(hook("mute-all")))
	charlie.hears(gene, 50)

	// Both at once, each hears the other and never themselves.
	charlie.press("fd", "talk", "talk")
	charlie.holdButton(true)
	charlie.hears(gene, 50)
	gene.hears(charlie, 50)
	charlie.holdButton(false)
	gene.hearsNothingOf(charlie)

	// With the latch, one press opens and the next one closes.
	charlie.do(chromedp.Click(hook("latch")))
	charlie.hold(true)
	charlie.release()
	gene.hears(charlie, 50)

	// Only on the loops that one talks on, and listens to.
	charlie.press("fd", "talk", "monitor")
	gene.hearsNothingOf(charlie)
	charlie.press("fd", "monitor", "off")
	charlie.hearsNothingOf(gene)
	charlie.sees("fd", "talkers", "Gene")

	// And all of that without a mouse: the first key of the page by its number.
	charlie.do(chromedp.KeyEvent("1"))
	charlie.is("fd", "monitor")
	charlie.hears(gene, 50)
	charlie.do(chromedp.KeyEvent("1", chromedp.KeyModifiers(chromedp.ModifierShift)))
	charlie.is("fd", "talk")
}

func TestAnOperatorComesBack(t *testing.T) {
	server, browser := startServer(t), startBrowser(t)
	gene := operate(t, browser, server.address, "flight", "flight", 500)
	charlie := operate(t, browser, server.address, "capcom", "capcom", 820)
	gene.press("fd", "talk", "talk")
	charlie.press("fd", "monitor", "monitor")
	charlie.setVolume("fd", 70)
	gene.hold(true)
	charlie.hears(gene, 70)
	gene.hold(false)

	// A page that is loaded again is where it was, without a click.
	charlie.do(chromedp.Reload())
	charlie.in("on")
	charlie.is("fd", "monitor")
	gene.do(chromedp.Reload())
	gene.in("on")
	gene.is("fd", "talk")
	charlie.hearsNothingOf(gene)
	gene.hold(true)
	charlie.hears(gene, 70)

	// So is everybody when the server was started again; who still presses is heard.
	server.stop()
	gene.in("reconnecting")
	charlie.in("reconnecting")
	server.start()
	gene.in("on")
	charlie.in("on")
	charlie.hears(gene, 70)
	charlie.sees("fd", "talkers", "Gene")
	gene.until("no warnings", `document.querySelector('.notice.warning') === null`)
	gene.hold(false)
	charlie.hearsNothingOf(gene)

	// Another role has other loops, and the first one's are as they were left.
	gene.do(chromedp.SetValue(hook("role-choice"), "observer"))
	gene.until("the other role", `document.querySelector('[data-testid=role-choice]')?.value === 'observer'`)
	gene.in("on")
	gene.is("fd", "off")
	charlie.sees("fd", "people", "You")
	gene.do(chromedp.SetValue(hook("role-choice"), "flight"))
	gene.until("the first role", `document.querySelector('[data-testid=role-choice]')?.value === 'flight'`)
	gene.in("on")
	gene.is("fd", "talk")

	// Signing out is for good.
	gene.do(chromedp.Click(hook("sign-out")))
	gene.in("out")
	gene.do(chromedp.Reload())
	gene.in("out")
	gene.signIn("flight", "not it")
	gene.until("advice", `document.querySelector('[data-testid=trouble]')?.innerText.includes('password is not right')`)
	gene.signIn("flight", demoPassword)
	gene.choose("flight")
	gene.is("fd", "talk")
}

func TestAnOperatorAndARoomMeet(t *testing.T) {
	server, browser := startServer(t), startBrowser(t)
	charlie := operate(t, browser, server.address, "capcom", "capcom", 820)
	mia := visitor{openTab(t, browser, "mia", "http://"+server.address+"/rooms/?video=320x180&tone=500#/"+openLoop, tones)}
	mia.do(chromedp.SendKeys(hook("name"), "mia"), chromedp.Click(hook("join")))
	mia.in("joined")
	guest := operator{mia.tab, 500}

	charlie.do(chromedp.Click(chromedp.CSS(`[data-testid=page]:nth-child(2)`)))
	charlie.press(openLoop, "talk", "talk")
	charlie.sees(openLoop, "people", "You", "mia")
	charlie.hears(guest, 50)
	mia.until("charlie, and nothing else of theirs, to be listed", `[...document.querySelectorAll('[data-testid=tile][data-user=capcom] .tile-name')].map((n) => n.innerText).join() === 'capcom'`)
	guest.hearsNothingOf(charlie)
	charlie.hold(true)
	guest.hears(charlie, 100)
	charlie.hold(false)
	guest.hearsNothingOf(charlie)

	mia.do(chromedp.Click(hook("leave")))
	charlie.sees(openLoop, "people", "You")
	charlie.hearsNothingOf(guest)
}

// TestManyVoicesAreOne: where more only speak than a room's page is shown, it
// sees one participant in their stead, and hears them all in it.
func TestManyVoicesAreOne(t *testing.T) {
	server, browser := startServer(t, "dialects.kurento.most_voices=1"), startBrowser(t)
	mia := visitor{openTab(t, browser, "mia", "http://"+server.address+"/rooms/?video=320x180&tone=500#/"+openLoop, tones)}
	mia.do(chromedp.SendKeys(hook("name"), "mia"), chromedp.Click(hook("join")))
	mia.in("joined")
	guest := operator{mia.tab, 500}
	shown := func(names string) {
		mia.until(names+" to be shown", fmt.Sprintf(`[...document.querySelectorAll('[data-testid=tile]')].map((n) => n.dataset.user).sort().join() === %s`, quote(names)))
	}
	join := func(user string, hertz int) operator {
		o := operate(t, browser, server.address, user, user, hertz)
		o.do(chromedp.Click(chromedp.CSS(`[data-testid=page]:nth-child(2)`)))
		o.press(openLoop, "talk", "talk")
		return o
	}
	charlie := join("capcom", 820)
	shown("capcom,mia")
	charlie.hold(true)
	guest.hears(charlie, 100)

	flora := join("flight", 1300)
	shown("mia,mix")
	flora.hold(true)
	guest.hears(charlie, 100)
	guest.hears(flora, 100)
	charlie.hears(guest, 50)
	charlie.hold(false)
	guest.hearsNothingOf(charlie)
	guest.hears(flora, 100)
}
