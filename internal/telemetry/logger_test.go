package telemetry

import (
	"log/slog"
	"strings"
	"testing"
	"time"

	"gollamas/internal/fleet"
	"gollamas/internal/proxy"
)

func TestNothingFromOutsideSteersATerminal(t *testing.T) {
	for _, v := range []slog.Value{slog.StringValue("x\x1b[2J\a"), slog.AnyValue([]string{"a: \x1b]52;c;x\x07", "\u009b1m"})} {
		got := harmless(slog.Attr{Key: "model", Value: v}).Value.String()
		if strings.ContainsAny(got, "\x1b\a\u009b") || !strings.Contains(got, "\ufffd") {
			t.Errorf("%q became %q", v, got)
		}
	}
}

func TestEachLevelHasAName(t *testing.T) {
	var b strings.Builder
	for _, name := range []string{"panic", "fatal", "error", "warn", "info", "debug", "trace"} {
		if _, ok := levels[name]; !ok {
			t.Errorf("no level %s", name)
		}
	}
	NewLogger(&b, "error").Warn("unheard")
	NewLogger(&b, "warn").Warn("heard")
	if strings.Contains(b.String(), "unheard") || !strings.Contains(b.String(), `"msg":"heard"`) {
		t.Error(b.String())
	}
}

func TestALoadIsLoggedOnlyWhereTheModelAnswered(t *testing.T) {
	refused := proxy.Attempt{Why: proxy.WhyUnreached, Load: fleet.LoadStart}
	for _, c := range []struct {
		attempts []proxy.Attempt
		load     bool
	}{
		{[]proxy.Attempt{{Why: proxy.WhyServed, Status: 200, Load: fleet.LoadStart}}, true},
		{[]proxy.Attempt{refused, {Why: proxy.WhyServed, Status: 200, Load: fleet.LoadJoins}}, true},
		{[]proxy.Attempt{{Why: proxy.WhyServed, Status: 200}}, false},
		{[]proxy.Attempt{{Why: proxy.WhyServed, Status: 400, Load: fleet.LoadStart}}, false},
		{[]proxy.Attempt{refused}, false},
		{[]proxy.Attempt{{Why: proxy.WhyFull, Status: 503, Load: fleet.LoadStart}}, false},
		{[]proxy.Attempt{{Why: proxy.WhyMissing, Status: 404, Load: fleet.LoadStart}}, false},
	} {
		var b strings.Builder
		AccessLog(NewLogger(&b, "info"))(proxy.Exchange{Attempts: c.attempts})
		if got := strings.Contains(b.String(), `"load":"`); got != c.load {
			t.Errorf("%+v: %s", c.attempts, b.String())
		}
	}
}

func TestWhatARequestWaitedForAndWhyItsModelWasLoadedAgainAreLogged(t *testing.T) {
	line := func(x proxy.Exchange) string {
		var b strings.Builder
		AccessLog(NewLogger(&b, "info"))(x)
		return b.String()
	}
	again := []proxy.Attempt{{Why: proxy.WhyServed, Status: 200, Load: fleet.LoadAgain, Fault: "num_ctx"}}
	if got := line(proxy.Exchange{Loading: 9812345678, Attempts: again}); !strings.Contains(got, `"load":"again","reload":"num_ctx","loading":9812000000,`) {
		t.Error(got)
	}
	again[0].Status = 400
	if got := line(proxy.Exchange{Loading: time.Millisecond, Attempts: again}); strings.Contains(got, "load") {
		t.Error(got)
	}
}

func TestALevelCanBeSetLater(t *testing.T) {
	var out strings.Builder
	log, set := NewLeveled(&out, "warn")
	log.Info("one")
	set("info")
	log.Info("two")
	set("panic")
	log.Error("three")
	if got := out.String(); strings.Count(got, "\n") != 1 || !strings.Contains(got, "two") {
		t.Error(got)
	}
}
