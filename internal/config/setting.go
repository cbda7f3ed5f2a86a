package config

import (
	"fmt"
	"math"
	"net"
	"slices"
	"strconv"
	"strings"
	"time"
)

// A Setting is a plain value that stands at the top of the file, and is a flag and a variable too.
type Setting struct {
	Key   string   // in the file; with dashes, the flag
	Flags []string // other names of the flag
	Env   []string // the variables, the first that is set wins
	Bool  bool     // the flag needs no value
	Value string   // what it looks like
	Help  string
	set   func(*Config, string) error
}

// Flag is the setting's flag, without dashes in front.
func (s Setting) Flag() string { return strings.ReplaceAll(s.Key, "_", "-") }

// Settings are all plain values there are.
var Settings = []Setting{
	{Key: "listen", Value: "ADDR", Flags: []string{"a", "addr", "address"}, Env: []string{"GOLLAMAS_LISTEN", "LISTEN"},
		Help: "serve on this address (default localhost:11434)", set: setListen},
	{Key: "level", Value: "LEVEL", Flags: []string{"error-level"}, Env: []string{"GOLLAMAS_LEVEL", "LEVEL"},
		Help: "panic, fatal, error, warn, info (default), debug, trace", set: setLevel},
	{Key: "list_aliases", Env: []string{"GOLLAMAS_LIST_ALIASES", "LIST_ALIASES"}, Bool: true,
		Help: "show aliases in model lists too", set: setListAliases},
	{Key: "max_body", Value: "SIZE", Env: []string{"GOLLAMAS_MAX_BODY"},
		Help: "largest request that is read to be routed (default 512MiB)", set: setMaxBody},
	{Key: "watch", Value: "TIME", Env: []string{"GOLLAMAS_WATCH"},
		Help: "how often each server is looked at (default 5s)",
		set:  func(c *Config, v string) error { return setDuration(&c.Watch, v, 100*time.Millisecond) }},
	{Key: "drain", Value: "TIME", Env: []string{"GOLLAMAS_DRAIN"},
		Help: "how long running answers may take after SIGTERM (default 30s)",
		set:  func(c *Config, v string) error { return setDuration(&c.Drain, v, 0) }},
	{Key: "read_header", Value: "TIME", Env: []string{"GOLLAMAS_READ_HEADER"},
		Help: "how long a client may take for its header (default 10s)",
		set:  func(c *Config, v string) error { return setDuration(&c.ReadHeader, v, time.Millisecond) }},
}

// Levels are the values of level, the most silent first.
var Levels = []string{"panic", "fatal", "error", "warn", "info", "debug", "trace"}

func setListen(c *Config, v string) error {
	if _, port, err := net.SplitHostPort(v); err != nil || port == "" || tooHigh(port) {
		return fmt.Errorf("%q is not an address: write HOST:PORT, such as localhost:11434 or 0.0.0.0:11434", v)
	}
	c.Listen = v
	return nil
}

func setLevel(c *Config, v string) error {
	level := strings.ToLower(v)
	if level == "warning" {
		level = "warn"
	}
	if !slices.Contains(Levels, level) {
		return fmt.Errorf("%q is not a level: it is one of %s", v, strings.Join(Levels, ", "))
	}
	c.Level = level
	return nil
}

func setListAliases(c *Config, v string) error {
	b, err := strconv.ParseBool(strings.ToLower(v))
	if err != nil {
		return fmt.Errorf("%q is neither true nor false", v)
	}
	c.ListAliases = b
	return nil
}

func setMaxBody(c *Config, v string) error {
	n, err := parseSize(v)
	if err != nil {
		return err
	}
	c.MaxBody = n
	return nil
}

// longest is more than anybody means.
const longest = 365 * 24 * time.Hour

// setDuration takes 30s, 1m30s and, as Ollama does, a plain number of seconds.
func setDuration(to *time.Duration, v string, least time.Duration) error {
	d, err := time.ParseDuration(v)
	if n, plain := strconv.ParseFloat(v, 64); plain == nil && math.Abs(n) <= longest.Seconds() {
		d, err = time.Duration(n*float64(time.Second)), nil
	}
	switch {
	case err != nil:
		return fmt.Errorf("%q is not a duration: write it like 30s, 5m or 1h30m", v)
	case d < least:
		return fmt.Errorf("%q is too short: the least is %s", v, least)
	case d > longest:
		return fmt.Errorf("%q is too long: the most is a year", v)
	}
	*to = d
	return nil
}

var sizeUnits = []struct {
	name string
	size int64
}{
	{"kib", 1 << 10}, {"mib", 1 << 20}, {"gib", 1 << 30}, {"tib", 1 << 40},
	{"kb", 1e3}, {"mb", 1e6}, {"gb", 1e9}, {"tb", 1e12},
	{"k", 1 << 10}, {"m", 1 << 20}, {"g", 1 << 30}, {"b", 1}, {"", 1},
}

// parseSize reads 512MiB, 20MB, 1g or a plain number of bytes.
func parseSize(v string) (int64, error) {
	text := strings.ToLower(strings.ReplaceAll(v, " ", ""))
	for _, u := range sizeUnits {
		digits, ok := strings.CutSuffix(text, u.name)
		if !ok {
			continue
		}
		n, err := strconv.ParseFloat(digits, 64)
		if size := n * float64(u.size); err == nil && size >= 1 && size < 1<<62 {
			return int64(size), nil
		}
		break
	}
	return 0, fmt.Errorf("%q is not a size: write it like 512MiB, 20MB or a number of bytes", v)
}
