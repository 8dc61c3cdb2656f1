package config

import (
	"strings"
	"time"
)

func (d NkMEDIA) check(check *checker) {
	const path = "dialects.nkmedia."
	check.origins(path+"origins", d.Origins)
	check.oneOf(path+"generation", d.Generation, "g1", "g2", "g3", "g4")
	check.oneOf(path+"control", d.Control, "user", "anybody")
	check.oneOf(path+"guests", d.Guests, "none", "listen", "talk")
	check.oneOf(path+"bitrate_unit", d.BitrateUnit, "guess", "kbps", "bps")
	for _, t := range []struct {
		name        string
		is          time.Duration
		least, most time.Duration
	}{
		{"reply_limit", d.ReplyLimit, time.Second, 5 * time.Minute},
		{"ping_interval", d.PingInterval, time.Second, time.Hour},
		{"idle_limit", d.IdleLimit, 5 * time.Second, time.Hour},
		{"wait_timeout", d.WaitTimeout, time.Second, 24 * time.Hour},
		{"ready_timeout", d.ReadyTimeout, time.Second, 30 * 24 * time.Hour},
		{"ring_time", d.RingTime, time.Second, 3 * time.Minute},
		{"room_timeout", d.RoomTimeout, time.Second, 72 * time.Hour},
		{"grace", d.Grace, 0, 5 * time.Minute},
	} {
		if t.is < t.least || t.is > t.most {
			check.wrong(path+t.name, "is %v; write %v to %v", t.is, t.least, t.most)
		}
	}
	if d.VideoKbps < 0 {
		check.wrong(path+"video_kbps", "is negative; write 0 for no bound")
	}
	if strings.ContainsAny(d.ParkMusic, "/\\:") {
		check.wrong(path+"park_music", "%q is a path; write the name of a file in the folder that is played from", d.ParkMusic)
	}
}
