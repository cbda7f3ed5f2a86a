package fleet

import (
	"testing"
	"time"

	"gollamas/internal/ollama"
)

const gb = 1 << 30

func loaded(expires time.Time, sizes map[string]int64) (out []Model) {
	for name, size := range sizes {
		out = append(out, Model{Listed: ollama.Listed{Name: name, Size: size, ExpiresAt: expires}, Key: name})
	}
	return out
}

func TestAServersRoomIsLearnedFromWhatItHoldsAndWhatItPushesOut(t *testing.T) {
	now := time.Now()
	later := now.Add(time.Hour)
	a, ab := loaded(later, map[string]int64{"a": 8 * gb}), loaded(later, map[string]int64{"a": 8 * gb, "b": 4 * gb})
	c := loaded(later, map[string]int64{"c": 10 * gb})
	r := Room{}.seen(nil, a, now)
	if r.Fits(8*gb) != FitYes || r.Fits(9*gb) != FitUnknown {
		t.Errorf("after one model: %+v", r)
	}
	r = r.seen(a, ab, now)
	if r.Fits(12*gb) != FitYes || r.Fits(13*gb) != FitUnknown {
		t.Errorf("after two: %+v", r)
	}
	r = r.seen(ab, c, now)
	if r.Fits(22*gb) != FitNo || r.Fits(13*gb) != FitUnknown || r.Fits(12*gb) != FitYes {
		t.Errorf("after a third has pushed both out: %+v", r)
	}
	if r = r.seen(c, loaded(later, map[string]int64{"c": 10 * gb, "d": 14 * gb}), now); r.Fits(24*gb) != FitYes || r.Refused != 0 {
		t.Errorf("after more was held than was ever refused: %+v", r)
	}
}

func TestAModelThatExpiresWasNotPushedOut(t *testing.T) {
	now := time.Now()
	before := loaded(now.Add(-time.Second), map[string]int64{"a": 8 * gb})
	if r := (Room{}).seen(before, loaded(now.Add(time.Hour), map[string]int64{"b": 4 * gb}), now); r.Refused != 0 {
		t.Errorf("%+v", r)
	}
	alive := loaded(now.Add(time.Hour), map[string]int64{"a": 8 * gb})
	if r := (Room{}).seen(alive, nil, now); r.Refused != 0 {
		t.Errorf("unloaded by a client, and nothing came: %+v", r)
	}
}

func TestAModelThatSpillsShowsTheEndOfTheRoom(t *testing.T) {
	m := loaded(time.Now().Add(time.Hour), map[string]int64{"a": 30 * gb})
	m[0].SizeVRAM = 24 * gb
	if r := (Room{}).seen(nil, m, time.Now()); r.Fits(31*gb) != FitNo || r.Held != 0 {
		t.Errorf("%+v", r)
	}
}
