package browser

import (
	"context"
	_ "embed"
	"encoding/json"
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/chromedp"
)

//go:embed watch.js
var watch string

// tab is one page in the browser, with what it wrote to its console.
type tab struct {
	t    *testing.T
	name string
	ctx  context.Context

	mu    sync.Mutex
	lines []string // guarded by mu
	wrong []string // exceptions and refusals by the page's own policy; guarded by mu
}

// openTab opens an address in a page with storage of its own, with scripts that run before the page's. It is closed when
// the test ends, which fails if the page threw an exception or wanted something that its security policy forbids.
func openTab(t *testing.T, browser context.Context, name, address string, scripts ...string) *tab {
	t.Helper()
	ctx, cancel := chromedp.NewContext(browser, chromedp.WithNewBrowserContext())
	p := &tab{t: t, name: name, ctx: ctx}
	console := chromedp.Console(ctx)
	read := make(chan struct{})
	go func() {
		defer close(read)
		for message, err := range console {
			if err != nil {
				return
			}
			p.hear(message)
		}
	}()
	t.Cleanup(func() {
		if t.Failed() {
			p.tell()
		}
		cancel()
		<-read
		p.mu.Lock()
		defer p.mu.Unlock()
		for _, line := range p.wrong {
			t.Errorf("%s: %s", name, line)
		}
	})
	for _, script := range append([]string{watch}, scripts...) {
		if _, err := chromedp.Call(ctx, page.AddScriptToEvaluateOnNewDocument, page.AddScriptToEvaluateOnNewDocumentParams{Source: script}); err != nil {
			t.Fatalf("%s: prepare the page: %v", name, err)
		}
	}
	p.do(chromedp.Navigate(address))
	return p
}

func (p *tab) hear(m chromedp.ConsoleMessage) {
	p.mu.Lock()
	defer p.mu.Unlock()
	line := fmt.Sprintf("%s: %s", m.Type, m.Text)
	p.lines = append(p.lines, line)
	if m.IsException() || m.Source == "security" {
		p.wrong = append(p.wrong, line)
	}
}

// tell logs what may explain a failure.
func (p *tab) tell() {
	p.mu.Lock()
	lines := strings.Join(p.lines[max(0, len(p.lines)-40):], "\n")
	p.mu.Unlock()
	ctx, cancel := context.WithTimeout(p.ctx, patience)
	defer cancel()
	text, err := chromedp.Run(ctx, chromedp.Evaluate[string](`document.body.innerText`))
	media, mediaErr := chromedp.Run(ctx, chromedp.Evaluate[string](`watch.tell()`, chromedp.EvalAwaitPromise))
	p.t.Logf("%s shows (errors %v, %v):\n%s\n%s\nand wrote to the console:\n%s", p.name, err, mediaErr, text, media, lines)
}

// do runs actions, each of which must work within the time that a person waits.
func (p *tab) do(steps ...chromedp.Action[chromedp.Void]) {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(p.ctx, patience)
	defer cancel()
	if err := chromedp.Do(ctx, steps...); err != nil {
		p.t.Fatalf("%s: %v", p.name, err)
	}
}

// until waits for a JavaScript expression, or the promise that it gives, to be true.
func (p *tab) until(what, expression string) {
	p.t.Helper()
	eventually(p.t, p.name+": "+what, func() (bool, string) {
		ok, err := value[bool](p, expression)
		return ok && err == nil, fmt.Sprintf("%s: %v", expression, err)
	})
}

// value evaluates an expression, and waits for it if it is a promise.
func value[T any](p *tab, expression string) (T, error) {
	ctx, cancel := context.WithTimeout(p.ctx, patience)
	defer cancel()
	return chromedp.Run(ctx, chromedp.Evaluate[T](expression, chromedp.EvalAwaitPromise))
}

// must is value for what cannot fail unless the page is broken.
func must[T any](p *tab, expression string) T {
	p.t.Helper()
	v, err := value[T](p, expression)
	if err != nil {
		p.t.Fatalf("%s: %s: %v", p.name, expression, err)
	}
	return v
}

// list writes strings as JavaScript does.
func list(texts []string) string {
	b, _ := json.Marshal(append([]string{}, texts...)) // strings always can
	return string(b)
}

// quote writes a string as JavaScript does.
func quote(text string) string {
	b, _ := json.Marshal(text) // strings always can
	return string(b)
}

// forget lets flows begin to count anew.
func (p *tab) forget() {
	p.t.Helper()
	must[chromedp.Void](p, `watch.forget()`)
}
