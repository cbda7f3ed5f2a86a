package telemetry

import (
	"io"
	"log/slog"
	"os"
	"time"

	"github.com/lmittmann/tint"
	"golang.org/x/term"
)

// levels are slog's for the names operators use. Panic and fatal come from
// the first gollamas; nothing is logged at either, so they are the two ways to say silence.
var levels = map[string]slog.Level{
	"panic": slog.LevelError + 8, "fatal": slog.LevelError + 4, "error": slog.LevelError,
	"warn": slog.LevelWarn, "info": slog.LevelInfo, "debug": slog.LevelDebug, "trace": slog.LevelDebug - 4,
}

// NewLogger writes to w: text for a person where w is a terminal, JSON
// otherwise. In JSON a duration is a number of nanoseconds, as log/slog has it.
// The level is one of config.Levels.
func NewLogger(w io.Writer, level string) *slog.Logger {
	if f, ok := w.(*os.File); ok && term.IsTerminal(int(f.Fd())) {
		return slog.New(tint.NewTextHandler(w, &tint.Options{
			Level:      levels[level],
			TimeFormat: time.TimeOnly,
			NoColor:    os.Getenv("NO_COLOR") != "",
		}))
	}
	return slog.New(slog.NewJSONHandler(w, &slog.HandlerOptions{Level: levels[level]}))
}
