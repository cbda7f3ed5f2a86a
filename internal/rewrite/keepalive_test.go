package rewrite

import (
	"testing"
	"time"
)

func TestAnOperatorsDuration(t *testing.T) {
	for text, want := range map[string]KeepAlive{
		"30m": KeepAlive(30 * time.Minute), "1h30m": KeepAlive(90 * time.Minute), "90": KeepAlive(90 * time.Second), "0": 0, "0s": 0,
		"-1": Forever, "-1s": Forever, "-0.5": Forever, "0.5": KeepAlive(500 * time.Millisecond), "-5m": Forever,
	} {
		if got, err := ParseKeepAlive(text); err != nil || got != want {
			t.Errorf("%s: %v %v, want %v", text, got, err, want)
		}
	}
	for _, text := range []string{"", "soon", "30 m", "NaN", "1e30", "inf", "30M", "5m@mini", "for ever", "999999999h"} {
		if got, err := ParseKeepAlive(text); err == nil {
			t.Errorf("%q is %v", text, got)
		}
	}
	const want = `"soon" is not a duration: write it like 30m, 1h30m or 90 (seconds); 0 = unload at once, -1 = keep for ever`
	if _, err := ParseKeepAlive("soon"); err.Error() != want {
		t.Error(err)
	}
}

func TestARequestsDurationIsReadByOllamasRules(t *testing.T) {
	half := KeepAlive(30 * time.Second)
	for _, c := range []struct {
		k    KeepAlive
		raw  string
		want bool
	}{
		{half, `30`, true}, {half, `30.0`, true}, {half, `3e1`, true}, {half, `"30s"`, true}, {half, `"0.5m"`, true}, {half, `"\u00330s"`, true},
		{half, `"30"`, false}, {half, `31`, false}, {half, `true`, false}, {half, `[30]`, false}, {half, `-30`, false}, {half, `""`, false},
		{Forever, `-1`, true}, {Forever, `-0.001`, true}, {Forever, `"-1ns"`, true}, {Forever, `"-5m"`, true}, {Forever, `1e300`, false},
		{0, `0`, true}, {0, `-0`, true}, {0, `"0s"`, true}, {0, `"0"`, true}, {0, `false`, false}, {0, `-1`, false},
		{KeepAlive(1500 * time.Microsecond), `"1.5ms"`, true}, {KeepAlive(1500 * time.Microsecond), `0.0015`, true},
		{KeepAlive(5 * time.Microsecond), `"5µs"`, true},
	} {
		if got := c.k.Is([]byte(c.raw)); got != c.want {
			t.Errorf("%v and %s: %v", c.k, c.raw, got)
		}
	}
}

func TestWhatIsWrittenIsReadAsTheSame(t *testing.T) {
	for _, k := range []KeepAlive{0, 1, KeepAlive(time.Second), KeepAlive(30 * time.Minute), KeepAlive(36*time.Hour + 3*time.Millisecond), Forever, Forever - 1} {
		if !k.Is(k.JSON()) {
			t.Errorf("%v is written %s", k, k.JSON())
		}
		if back, err := ParseKeepAlive(k.String()); err != nil || back != k {
			t.Errorf("%v: %v %v", k, back, err)
		}
	}
	if got := string(Forever.JSON()) + " " + string(KeepAlive(30*time.Minute).JSON()); got != `-1 "30m0s"` {
		t.Error(got)
	}
}
