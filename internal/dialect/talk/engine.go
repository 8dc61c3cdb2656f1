package talk

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"switchboard/internal/media"
	"switchboard/internal/media/mediatest"
)

// transport finds T1, T2, … of the fake engine.
func (p *player) transport(name string) (*mediatest.Transport, error) {
	n, err := strconv.Atoi(strings.TrimPrefix(name, "T"))
	if err != nil || !strings.HasPrefix(name, "T") {
		return nil, fmt.Errorf("%q is no transport", name)
	}
	if t := p.stage.engine().Transport(n); t != nil {
		return t, nil
	}
	return nil, fmt.Errorf("%s has not been opened", name)
}

// player finds P1, P2, … of the fake engine.
func (p *player) player(name string) (*mediatest.Player, error) {
	n, err := strconv.Atoi(strings.TrimPrefix(name, "P"))
	if err != nil {
		return nil, fmt.Errorf("%q is no player", name)
	}
	if got := p.stage.engine().Player(n); got != nil {
		return got, nil
	}
	return nil, fmt.Errorf("%s has not been opened", name)
}

// checkPlayer compares a player with open or closed.
func (p *player) checkPlayer(words []string) error {
	got, err := p.player(words[0])
	if err != nil {
		return err
	}
	state := "open"
	if got.Closed() {
		state = "closed"
	}
	return same(words[0], words[1], state)
}

// drivesEngine tells whether the statement makes the fake engine do something,
// and does not only look at it.
func (st statement) drivesEngine() bool {
	return st.verb == does && st.who == "media" && !looks(strings.Fields(st.text))
}

// looks tells whether a statement about media only looks.
func looks(words []string) bool {
	if len(words) == 2 && words[0] == "opened" || len(words) > 2 && words[0] == "voices" {
		return true
	}
	return len(words) > 1 && slices.Contains([]string{"receives", "hears", "data", "candidates", "open", "closed", "kbps"}, words[1])
}

// checkMedia performs the media statements that only look; it tells false for
// others.
func (p *player) checkMedia(words []string) (looked bool, err error) {
	if !looks(words) {
		return false, nil
	}
	if p.stage.engine() == nil {
		return true, nil
	}
	if words[0] == "opened" {
		return true, same("open transports", words[1], strconv.Itoa(p.stage.engine().Opened()))
	}
	if words[0] == "voices" {
		return true, same("voices in "+words[1], strings.Join(words[2:], " "), listed(p.stage.engine().Voices(media.RoomID(words[1]))))
	}
	if strings.HasPrefix(words[0], "P") {
		return true, p.checkPlayer(words)
	}
	t, err := p.transport(words[0])
	if err != nil {
		return true, err
	}
	want := strings.Join(words[2:], " ")
	switch words[1] {
	case "receives":
		return true, same(words[0]+" receives", want, list(t.Receives()))
	case "hears":
		return true, same(words[0]+" hears", want, listed(t.Hears()))
	case "data":
		return true, same(words[0]+" receives data of", want, list(p.named(t.ReceivesData())))
	case "candidates":
		return true, same("candidates of "+words[0], want, strconv.Itoa(len(t.Candidates())))
	case "kbps":
		return true, same("video of "+words[0], want, strconv.Itoa(t.Options().VideoKbps))
	}
	state := "open"
	if t.Closed() {
		state = "closed"
	}
	return true, same(words[0], words[1], state)
}

func same(what, want, got string) error {
	if want != got {
		return fmt.Errorf("%s: want %s, got %s", what, want, got)
	}
	return nil
}

// listed writes a list whose items may be of several words.
func listed(items []string) string {
	if len(items) == 0 {
		return "nothing"
	}
	return strings.Join(items, ", ")
}

func list[T ~string](ids []T) string {
	if len(ids) == 0 {
		return "nothing"
	}
	words := make([]string, len(ids))
	for i, id := range ids {
		words[i] = string(id)
	}
	slices.Sort(words)
	return strings.Join(words, " ")
}

// named turns ids of transports into T1, T2, ….
func (p *player) named(ids []media.TransportID) (names []string) {
	for _, t := range p.stage.engine().Transports() {
		if slices.Contains(ids, t.ID()) {
			names = append(names, t.Name())
		}
	}
	return names
}

// doMedia makes the fake engine do something.
func (p *player) doMedia(words []string) error {
	e, rest := p.stage.engine(), strings.Join(words[1:], " ")
	switch words[0] {
	case "hold":
		e.Hold()
		return nil
	case "release":
		e.Release()
		return nil
	case "delay":
		d, err := time.ParseDuration(rest)
		e.Delay(d)
		return err
	case "fail":
		e.FailAnswers(fmt.Errorf("%w: %s", media.ErrDescription, rest))
		return nil
	case "break":
		e.FailAnswers(errors.New(rest))
		return nil
	}
	if strings.HasPrefix(words[0], "P") {
		player, err := p.player(words[0])
		if err == nil {
			player.End()
		}
		return err
	}
	t, err := p.transport(words[0])
	if err != nil {
		return err
	}
	return doTransport(t, words[1:])
}

func doTransport(t *mediatest.Transport, words []string) error {
	switch {
	case len(words) == 1 && words[0] == "connected":
		t.Connect()
	case len(words) == 1 && words[0] == "talks":
		t.Talk(true)
	case len(words) == 1 && words[0] == "silent":
		t.Talk(false)
	case len(words) == 1 && words[0] == "goodbye":
		t.Goodbye()
	case len(words) > 1 && words[0] == "failed":
		t.Fail(strings.Join(words[1:], " "))
	case len(words) > 3 && words[0] == "found":
		line, err := strconv.Atoi(words[2])
		if err != nil {
			return err
		}
		t.Find(media.Candidate{Mid: words[1], Line: line, Candidate: strings.Join(words[3:], " ")})
	default:
		return fmt.Errorf("media: %s %s: no such thing", t.Name(), strings.Join(words, " "))
	}
	return nil
}
