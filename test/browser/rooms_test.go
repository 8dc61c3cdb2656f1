package browser

import (
	"context"
	"fmt"
	"testing"

	"github.com/chromedp/chromedp"
)

// visitor is somebody with the page of rooms open.
type visitor struct{ *tab }

// visit opens the page for a room and joins it.
func visit(t *testing.T, browser context.Context, address, name, room string) visitor {
	t.Helper()
	v := visitor{openTab(t, browser, name, "http://"+address+"/rooms/?video=320x180#/"+room)}
	v.do(chromedp.SendKeys(hook("name"), name), chromedp.Click(hook("join")))
	v.in("joined")
	return v
}

// hook selects an element by the name that the page keeps for tests (ui/README.md).
func hook(name string) chromedp.CSS {
	return chromedp.CSS(fmt.Sprintf("[data-testid=%q]", name))
}

// in waits for a state of the page.
func (v visitor) in(state string) {
	v.t.Helper()
	v.until("state "+state, fmt.Sprintf("document.querySelector('[data-testid=state]').dataset.state === %s", quote(state)))
}

func tile(user, stream string) string {
	return fmt.Sprintf("document.querySelector('[data-testid=tile][data-user=%s][data-stream=%s]')", quote(user), quote(stream))
}

// meets waits until pictures and sound of others come in, both counted from now.
func (v visitor) meets(others ...string) {
	v.t.Helper()
	v.forget()
	for _, other := range others {
		v.until("picture and sound of "+other, fmt.Sprintf("watch.flows(%s, %s?.querySelector('video'), true)", quote(other), tile(other, "webcam")))
	}
}

func (v visitor) says(text string) {
	v.t.Helper()
	if must[bool](v.tab, `document.querySelector('[data-testid=chat-input]') === null`) {
		v.do(chromedp.Click(hook("chat")))
	}
	v.do(chromedp.SendKeys(hook("chat-input"), text), chromedp.Click(hook("chat-send")))
}

func (v visitor) reads(from, text string) {
	v.t.Helper()
	if must[bool](v.tab, `document.querySelector('[data-testid=chat-input]') === null`) {
		v.do(chromedp.Click(hook("chat")))
	}
	v.until("to read "+text, fmt.Sprintf("[...document.querySelectorAll('[data-testid=chat-line][data-user=%s]')].some((l) => l.innerText.includes(%s))", quote(from), quote(text)))
}

func (v visitor) gone(other string) {
	v.t.Helper()
	v.until(other+" to be gone", tile(other, "webcam")+" === null")
}

func TestPeopleMeetInARoom(t *testing.T) {
	server, browser := startServer(t), startBrowser(t)
	ada := visit(t, browser, server.address, "ada", "kiosk")
	bo := visit(t, browser, server.address, "bo", "kiosk")
	ada.meets("bo")
	bo.meets("ada")

	ada.says("good morning <b>bo</b>")
	ada.reads("ada", "good morning <b>bo</b>")
	bo.reads("ada", "good morning <b>bo</b>")
	bo.says("see https://example.org/x.")
	ada.reads("bo", "see https://example.org/x.")
	ada.until("the link, and nothing but the link", `[...document.querySelectorAll('[data-testid=chat-line] a')].map((a) => a.href + a.rel).join() === 'https://example.org/xnoopener noreferrer'`)

	ada.until("bo to be heard talking", tile("bo", "webcam")+".dataset.talking === 'true'")
	ada.until("bo's connection to be judged", tile("bo", "webcam")+".dataset.quality !== 'unknown'")

	cy := visit(t, browser, server.address, "cy", "kiosk")
	cy.meets("ada", "bo")
	ada.meets("bo", "cy")
	bo.meets("ada", "cy")

	bo.do(chromedp.Click(hook("leave")))
	bo.in("left")
	ada.gone("bo")
	cy.gone("bo")
	ada.meets("cy")

	bo.do(chromedp.Click(hook("join")))
	bo.in("joined")
	bo.meets("ada", "cy")
	ada.meets("bo", "cy")
	ada.reads("bo", "see https://example.org/x.") // what was said before is still there
}

// A picture is shown because it is there; nothing has to be counted first.
func TestAPictureIsShownAtOnce(t *testing.T) {
	server, browser := startServer(t), startBrowser(t)
	visit(t, browser, server.address, "ada", "kiosk")
	bo := visitor{openTab(t, browser, "bo", "http://"+server.address+"/rooms/?video=320x180#/kiosk",
		`RTCPeerConnection.prototype.getStats = () => new Promise(() => undefined)`)}
	bo.do(chromedp.SendKeys(hook("name"), "bo"), chromedp.Click(hook("join")))
	bo.until("ada's picture", `!(`+tile("ada", "webcam")+`?.ariaLabel ?? 'no picture').includes('no picture')`)
}

func TestANameIsTakenOnce(t *testing.T) {
	server, browser := startServer(t), startBrowser(t)
	visit(t, browser, server.address, "ada", "kiosk")
	second := visitor{openTab(t, browser, "second", "http://"+server.address+"/rooms/?room=kiosk&video=320x180")}
	second.do(chromedp.SendKeys(hook("name"), "ada"), chromedp.Click(hook("join")))
	second.until("advice", `document.querySelector('[role=alert]')?.innerText.includes('Choose another name')`)
	second.do(chromedp.SendKeys(hook("name"), " two"), chromedp.Click(hook("join")))
	second.in("joined")
	second.meets("ada")
}

func TestMutedAndUnseen(t *testing.T) {
	server, browser := startServer(t), startBrowser(t)
	ada := visit(t, browser, server.address, "ada", "kiosk")
	bo := visit(t, browser, server.address, "bo", "kiosk")
	bo.meets("ada")
	label := tile("ada", "webcam") + ".getAttribute('aria-label')"

	ada.do(chromedp.Click(hook("mute")), chromedp.Click(hook("camera")))
	bo.until("to neither see nor hear ada", label+" === 'ada, no sound, no picture'")
	ada.do(chromedp.Click(hook("camera")))
	bo.until("to see ada, who is silent", label+" === 'ada, no sound'")
	ada.do(chromedp.Click(hook("mute")))
	bo.meets("ada")

	// Without both from the start, and with a camera later: people come as they are.
	cy := visitor{openTab(t, browser, "cy", "http://"+server.address+"/rooms/?video=320x180#/kiosk")}
	cy.do(chromedp.SendKeys(hook("name"), "cy"), chromedp.Click(chromedp.CSS(`[aria-label="Mute microphone"]`)),
		chromedp.Click(chromedp.CSS(`[aria-label="Turn camera off"]`)), chromedp.Click(hook("join")))
	cy.in("joined")
	cy.meets("ada", "bo")
	ada.until("cy's tile", tile("cy", "webcam")+" !== null")
	cy.do(chromedp.Click(hook("camera")), chromedp.Click(hook("mute")))
	ada.meets("cy")
}

func TestAScreenIsSharedBesideTheCamera(t *testing.T) {
	server, browser := startServer(t), startBrowser(t)
	ada := visit(t, browser, server.address, "ada", "kiosk")
	bo := visit(t, browser, server.address, "bo", "kiosk")
	bo.meets("ada")
	ada.do(chromedp.Click(hook("screen")))
	flows := fmt.Sprintf("watch.flows('screen', %s?.querySelector('video'), false)", tile("ada", "screen"))
	bo.until("ada's screen", flows)
	bo.meets("ada")

	cy := visit(t, browser, server.address, "cy", "kiosk")
	cy.until("ada's screen, coming late", flows)
	cy.meets("ada", "bo")

	ada.do(chromedp.Click(hook("screen")))
	bo.until("the screen to be gone", tile("ada", "screen")+" === null")
	bo.meets("ada")
}

func TestTheServerIsStartedAgain(t *testing.T) {
	server, browser := startServer(t), startBrowser(t)
	ada := visit(t, browser, server.address, "ada", "kiosk")
	bo := visit(t, browser, server.address, "bo", "kiosk")
	ada.meets("bo")
	bo.meets("ada")

	server.stop()
	ada.in("reconnecting")
	bo.in("reconnecting")
	server.start()
	ada.in("joined")
	bo.in("joined")
	ada.meets("bo")
	bo.meets("ada")
	bo.says("there again")
	ada.reads("bo", "there again")
}

func TestABrokenSocketKeepsItsMedia(t *testing.T) {
	server, browser := startServer(t), startBrowser(t)
	wires := startProxy(t, server.address)
	ada := visit(t, browser, wires.address, "ada", "kiosk")
	bo := visit(t, browser, server.address, "bo", "kiosk")
	ada.meets("bo")
	bo.meets("ada")
	before := must[int](ada.tab, `watch.opened()`)

	must[chromedp.Void](ada.tab, `window.lost = new Promise((resolve) => new MutationObserver(() => document.querySelector('[data-state=reconnecting]') && resolve(true)).observe(document.body, {subtree: true, attributes: true, childList: true})); undefined`)
	wires.cut()
	ada.until("to notice", `lost`)
	ada.in("joined")
	ada.meets("bo")
	bo.meets("ada")
	if after := must[int](ada.tab, `watch.opened()`); after != before {
		t.Errorf("%d connections for media were opened after the socket broke; a resumed session keeps its media", after-before)
	}
	bo.says("still here?")
	ada.reads("bo", "still here?")
}

// A room can be used without a mouse, from the form to leaving.
func TestARoomByKeyboard(t *testing.T) {
	server, browser := startServer(t), startBrowser(t)
	ada := visitor{openTab(t, browser, "ada", "http://"+server.address+"/rooms/?video=320x180#/kiosk")}
	ada.do(chromedp.WaitVisible(hook("join")))
	ada.tabTo("name")
	ada.do(chromedp.KeyEvent("ada\r"))
	ada.in("joined")
	ada.do(chromedp.KeyEvent("m"))
	ada.until("to be muted", `document.querySelector('[data-testid=mute]').ariaLabel.startsWith('Unmute')`)
	ada.do(chromedp.KeyEvent("c"))
	ada.until("the chat to take what is typed", `document.activeElement.dataset.testid === 'chat-input'`)
	ada.do(chromedp.KeyEvent("much ado\r"))
	ada.reads("ada", "much ado")
	ada.until("still to be muted: an m in a text is no key", `document.querySelector('[data-testid=mute]').ariaLabel.startsWith('Unmute')`)
	ada.do(chromedp.KeyEvent("\u001b"))
	ada.until("the chat to be closed", `document.querySelector('[data-testid=chat-input]') === null`)
	ada.tabTo("leave")
	ada.do(chromedp.KeyEvent("\r"))
	ada.in("left")
}

// tabTo presses the tab key until an element has the focus.
func (v visitor) tabTo(name string) {
	v.t.Helper()
	for range 40 {
		if must[bool](v.tab, fmt.Sprintf("document.activeElement?.dataset.testid === %s", quote(name))) {
			return
		}
		v.do(chromedp.KeyEvent("\t"))
	}
	v.t.Fatalf("%s: no number of tabs leads to %s", v.name, name)
}
