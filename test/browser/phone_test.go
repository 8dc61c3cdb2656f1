package browser

import (
	"fmt"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"
)

// fits wants everything that can be pressed to lie within the width of the page, to be as large as a finger needs
// (WCAG 2.2, 2.5.8), and to have a name for who cannot see it; and no part of the page to be scrolled to sideways.
func (p *tab) fits(where string) {
	p.t.Helper()
	wrong := must[[]string](p, `(() => {
		const wrong = [];
		const width = document.documentElement.clientWidth;
		if (document.documentElement.scrollWidth > width) wrong.push('the page is ' + document.documentElement.scrollWidth + ' wide, the window ' + width);
		for (const e of document.querySelectorAll('a[href], button, input, select, textarea, summary')) {
			if (!e.checkVisibility({ visibilityProperty: true, opacityProperty: true })) continue;
			const box = (e.matches('input[type=checkbox], input[type=radio]') && e.closest('label') || e).getBoundingClientRect();
			const what = (e.dataset.testid ?? e.ariaLabel ?? e.textContent) + ' ' + [box.x, box.y, box.width, box.height].map(Math.round);
			if (box.left < -1 || box.right > width + 1) wrong.push('outside: ' + what);
			if (e.tagName !== 'A' && (box.width < 24 || box.height < 24)) wrong.push('small: ' + what);
			if (!(e.ariaLabel || e.labels?.length || e.textContent.trim() || e.getAttribute('aria-labelledby'))) wrong.push('nameless: ' + what);
		}
		return wrong;
	})()`)
	for _, line := range wrong {
		p.t.Errorf("%s, %s: %s", p.name, where, line)
	}
}

// Both pages can be used on a phone.
func TestPagesFitAPhone(t *testing.T) {
	server, browser := startServer(t), startBrowser(t)
	visit(t, browser, server.address, "bo with a name that is rather long", "kiosk")

	ada := visitor{openTab(t, browser, "ada", fmt.Sprintf("http://%s/", server.address))}
	ada.do(chromedp.EmulateViewport(360, 640, chromedp.EmulateMobile))
	ada.fits("the first page")
	ada.do(chromedp.Navigate(fmt.Sprintf("http://%s/rooms/?video=320x180#/kiosk", server.address)), chromedp.WaitVisible(hook("join")))
	ada.fits("the form")
	ada.do(chromedp.SendKeys(hook("name"), "ada"), chromedp.Click(hook("join")))
	ada.in("joined")
	ada.meets("bo with a name that is rather long")
	ada.fits("the room")
	ada.do(chromedp.Click(hook("devices")), chromedp.WaitVisible(chromedp.CSS("dialog[open]")))
	ada.fits("the devices")
	ada.do(chromedp.KeyEvent("\u001b"))
	ada.until("no dialog", `document.querySelector('dialog[open]') === null`)
	ada.says("see https://example.org/" + strings.Repeat("long", 40))
	ada.fits("the chat")

	gene := operator{openTab(t, browser, "flight", fmt.Sprintf("http://%s/loops/?tone=440", server.address), tones), 440}
	gene.do(chromedp.EmulateViewport(360, 640, chromedp.EmulateMobile))
	gene.fits("signing in")
	gene.signIn("flight", demoPassword)
	gene.do(chromedp.WaitVisible(hook("role")))
	gene.fits("roles")
	gene.choose("flight")
	gene.fits("the panel")
	gene.do(chromedp.Click(hook("settings")), chromedp.WaitVisible(chromedp.CSS("dialog[open]")))
	gene.fits("settings")
}
