package telemetry

import (
	"log/slog"
	"strings"
	"testing"
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
