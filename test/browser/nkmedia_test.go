package browser

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"testing"

	"github.com/chromedp/chromedp"
)

// driven is a page that drives its media by the protocol, logged in as a user of the demonstration.
type driven struct {
	operator
	colour string
}

func openDriven(t *testing.T, browser context.Context, page string, s *server, user, colour string, hertz int) driven {
	t.Helper()
	d := driven{operator{openTab(t, browser, user, fmt.Sprintf("%s/?hertz=%d&colour=%s", page, hertz, colour), tones), hertz}, colour}
	must[string](d.tab, fmt.Sprintf("client.connect(%s, %s, %s)", quote("ws://"+s.address+"/nkmedia"), quote(user), quote(demoPassword)))
	return d
}

// offers starts a session with a description of the page's.
func (d driven) offers(name, data string) {
	d.t.Helper()
	must[string](d.tab, fmt.Sprintf("client.offer(%s, %s)", quote(name), data))
}

func (d driven) takes(name, data string) {
	d.t.Helper()
	must[string](d.tab, fmt.Sprintf("client.take(%s, %s)", quote(name), data))
}

func (d driven) updates(name, data string) {
	d.t.Helper()
	must[bool](d.tab, fmt.Sprintf("client.update(%s, %s)", quote(name), data))
}

func (d driven) speaks(on bool) {
	d.t.Helper()
	must[bool](d.tab, fmt.Sprintf("client.speak(%v)", on))
}

func (d driven) shows(name, colour string) {
	d.t.Helper()
	d.until(fmt.Sprintf("%s to show %s", name, colour), fmt.Sprintf("client.colour(%s) === %s", quote(name), quote(colour)))
}

// catches waits until somebody's tone is heard well, however loud exactly.
func (d driven) catches(other driven) {
	d.t.Helper()
	d.settles(other.operator, fmt.Sprintf("%s to catch %s", d.name, other.name), func(got float64) bool { return math.Abs(got) < 6 })
}

// once fails if any description was negotiated again.
func (d driven) once() {
	d.t.Helper()
	if n := must[int](d.tab, "watch.negotiated()"); n != 1 {
		d.t.Errorf("%s: a connection was negotiated %d times", d.name, n)
	}
}

func TestDrivenEcho(t *testing.T) {
	page := servePage(t, "driven", "nkmedia.js")
	server, browser := startServer(t), startBrowser(t)
	ana := openDriven(t, browser, page, server, "flight", "red", 500)
	ana.offers("echo", `{type: "echo"}`)
	ana.speaks(true)
	ana.catches(ana)
	ana.shows("echo", "red")
	ana.updates("echo", `{type: "media", use_audio: false}`)
	ana.hearsNothingOf(ana.operator)
	ana.updates("echo", `{type: "media", use_audio: true}`)
	ana.catches(ana)
	ana.once()
	must[bool](ana.tab, `client.stop("echo")`)
	ana.until("to be told", fmt.Sprintf("client.told(`session stop ${client.id(%s)} User stop`)", quote("echo")))
}

// meet waits until Ana and Bea, who are red and blue, see and hear each other, and not themselves.
func meet(ana, bea driven) {
	ana.speaks(true)
	bea.speaks(true)
	ana.catches(bea)
	bea.catches(ana)
	ana.hearsNothingOf(ana.operator)
	ana.shows("Ana", "blue")
	bea.shows("Bea", "red")
}

// TestDrivenCall rings somebody, with the server between the two.
func TestDrivenCall(t *testing.T) {
	page := servePage(t, "driven", "nkmedia.js")
	server, browser := startServer(t), startBrowser(t)
	ana, bea := openDriven(t, browser, page, server, "flight", "red", 500), openDriven(t, browser, page, server, "capcom", "blue", 820)
	ana.offers("Ana", `{type: "proxy"}`)
	call := must[string](ana.tab, `client.call("Ana", "capcom")`)
	bea.until("to be called", `client.invitation() !== null`)
	if from := must[string](bea.tab, `client.accept("Bea")`); from != "Ana" {
		t.Errorf("the call is from %q", from)
	}
	meet(ana, bea)
	must[bool](ana.tab, fmt.Sprintf("client.hangup(%s)", quote(call)))
	for _, who := range []driven{ana, bea} {
		who.until("to be told", fmt.Sprintf("client.told(%s)", quote("call hangup "+call)))
		who.once()
	}
}

// TestDrivenServedCall rings somebody by the later generations' command, which has the server make the sessions of both.
func TestDrivenServedCall(t *testing.T) {
	page := servePage(t, "driven", "nkmedia.js")
	server, browser := startServer(t), startBrowser(t)
	ana, bea := openDriven(t, browser, page, server, "flight", "red", 500), openDriven(t, browser, page, server, "capcom", "blue", 820)
	call := must[string](ana.tab, `client.dial("Ana", "capcom")`)
	bea.until("to be called", `client.invitation() !== null`)
	if from := must[string](bea.tab, `client.accept("Bea")`); from != "Ana" {
		t.Errorf("the call is from %q", from)
	}
	ana.until("to be answered", fmt.Sprintf("client.told(%s)", quote("call answer "+call)))
	meet(ana, bea)
	must[bool](bea.tab, fmt.Sprintf("client.hangup(%s)", quote(call)))
	for _, who := range []driven{ana, bea} {
		who.until("to be told", fmt.Sprintf("client.told(%s)", quote("call hangup "+call)))
		who.once()
	}
}

// TestDrivenListeners has one page listen with three sessions, which pass from one publisher to another.
func TestDrivenListeners(t *testing.T) {
	page := servePage(t, "driven", "nkmedia.js")
	server, browser := startServer(t), startBrowser(t)
	one, two := openDriven(t, browser, page, server, "flight", "red", 500), openDriven(t, browser, page, server, "capcom", "blue", 820)
	one.offers("out", `{type: "publish"}`)
	two.offers("out", fmt.Sprintf(`{type: "publish", room: %s}`, quote(must[string](one.tab, `client.room("out")`))))
	one.speaks(true)
	two.speaks(true)
	first, second := must[string](one.tab, `client.id("out")`), must[string](two.tab, `client.id("out")`)
	ears := openDriven(t, browser, page, server, "eecom", "green", 1300)
	names := []string{"a", "b", "c"}
	for _, name := range names {
		ears.takes(name, fmt.Sprintf(`{type: "listen", publisher: %s}`, quote(first)))
		ears.shows(name, "red")
	}
	ears.catches(one)
	ears.hearsNothingOf(two.operator)
	for _, name := range names {
		ears.updates(name, fmt.Sprintf(`{type: "listen_switch", publisher: %s}`, quote(second)))
		ears.shows(name, "blue")
	}
	ears.catches(two)
	ears.hearsNothingOf(one.operator)
	ears.once()
	must[bool](two.tab, `client.stop("out")`)
	for _, name := range names {
		ears.until("to be told", fmt.Sprintf("client.told(`session stop ${client.id(%s)} Publisher stopped`)", quote(name)))
	}
}

// TestDrivenMix parks a page, takes it into a mix of three and back, all on one description.
func TestDrivenMix(t *testing.T) {
	page := servePage(t, "driven", "nkmedia.js")
	server, browser := startServer(t), startBrowser(t)
	ana, bea, cy := openDriven(t, browser, page, server, "flight", "red", 500), openDriven(t, browser, page, server, "capcom", "blue", 820),
		openDriven(t, browser, page, server, "eecom", "green", 1300)
	bea.offers("mix", `{type: "mcu", room: "talk"}`)
	cy.offers("mix", `{type: "mcu", room: "talk"}`)
	ana.offers("mix", `{type: "park"}`)
	bea.speaks(true)
	cy.catches(bea)
	ana.hearsNothingOf(bea.operator)
	ana.updates("mix", `{type: "session_type", session_type: "mcu", room_id: "talk"}`)
	ana.catches(bea)
	cy.shows("mix", "blue")
	ana.shows("mix", "blue")

	// Who speaks is seen by the others, and sees who spoke before.
	bea.speaks(false)
	ana.hearsNothingOf(bea.operator)
	cy.speaks(true)
	ana.catches(cy)
	bea.catches(cy)
	ana.shows("mix", "green")
	bea.shows("mix", "green")
	cy.shows("mix", "blue")
	ana.speaks(true) // both at once: each hears the other two
	bea.catches(ana)
	bea.catches(cy)
	cy.catches(ana)
	cy.hearsNothingOf(cy.operator)

	ana.updates("mix", `{type: "session_type", session_type: "park"}`)
	ana.hearsNothingOf(cy.operator)
	bea.hearsNothingOf(ana.operator)
	for _, who := range []driven{ana, bea, cy} {
		who.once()
	}
}

// TestDrivenPlay plays a file, and after it nothing.
func TestDrivenPlay(t *testing.T) {
	folder := t.TempDir()
	if err := os.WriteFile(filepath.Join(folder, "tone.wav"), toneFile(700), 0o600); err != nil {
		t.Fatal(err)
	}
	page := servePage(t, "driven", "nkmedia.js")
	server, browser := startServer(t, "media.files="+folder), startBrowser(t)
	ana := openDriven(t, browser, page, server, "flight", "red", 500)
	ana.offers("film", `{type: "play", uri: "tone.wav", loops: 0}`)
	file := driven{operator: operator{ana.tab, 700}}
	ana.catches(file)
	ana.updates("film", `{type: "session_type", session_type: "park"}`)
	ana.hearsNothingOf(file.operator)
	ana.updates("film", `{type: "session_type", session_type: "play", uri: "tone.wav", loops: 1}`)
	ana.catches(file)
	ana.until("to be told of the end", "client.told(`session info ${client.id('film')}`)")
	ana.hearsNothingOf(file.operator)
	ana.once()
}

// toneFile is a WAV file with four seconds of a tone, as loud as the pages' own.
func toneFile(hertz float64) []byte {
	const rate, seconds = 48_000, 4
	var b bytes.Buffer
	b.WriteString("RIFF")
	for _, field := range []any{uint32(36 + 2*rate*seconds), []byte("WAVEfmt "), uint32(16), uint16(1), uint16(1), uint32(rate), uint32(2 * rate), uint16(2), uint16(16),
		[]byte("data"), uint32(2 * rate * seconds)} {
		_ = binary.Write(&b, binary.LittleEndian, field) // into memory, of a fixed size
	}
	for n := range rate * seconds {
		_ = binary.Write(&b, binary.LittleEndian, int16(0.25*math.MaxInt16*math.Sin(2*math.Pi*hertz*float64(n)/rate)))
	}
	return b.Bytes()
}

// TestDrivenMeetsOthers puts an operator of voice loops, a guest with the page of rooms, and an application into one room:
// all hear each other, and the guest sees the application's picture.
func TestDrivenMeetsOthers(t *testing.T) {
	page := servePage(t, "driven", "nkmedia.js")
	server, browser := startServer(t), startBrowser(t)
	app := openDriven(t, browser, page, server, "capcom", "red", 820)
	app.offers("mix", fmt.Sprintf(`{type: "mcu", room: %s}`, quote(openLoop)))
	app.speaks(true)

	mia := visitor{openTab(t, browser, "mia", "http://"+server.address+"/rooms/?video=320x180&tone=500#/"+openLoop, tones)}
	mia.do(chromedp.SendKeys(hook("name"), "mia"), chromedp.Click(hook("join")))
	mia.in("joined")
	guest := driven{operator: operator{mia.tab, 500}}
	mia.until("picture and sound of the application", fmt.Sprintf("watch.flows('app', %s?.querySelector('video'), true)", tile("capcom", "main")))
	guest.catches(app)
	app.catches(guest)

	gene := operate(t, browser, server.address, "flight", "flight", 1300)
	gene.do(chromedp.Click(chromedp.CSS(`[data-testid=page]:nth-child(2)`)))
	gene.press(openLoop, "talk", "talk")
	gene.sees(openLoop, "people", "You", "capcom", "mia")
	gene.settles(app.operator, "gene to hear the application", func(got float64) bool { return got > silence/2 })
	gene.settles(guest.operator, "gene to hear mia", func(got float64) bool { return got > silence/2 })
	gene.hold(true)
	operated := driven{operator: gene}
	app.catches(operated)
	guest.catches(operated)
	gene.hold(false)
	app.hearsNothingOf(gene)
	app.once()
}
