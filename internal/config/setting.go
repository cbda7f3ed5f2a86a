package config

import (
	"errors"
	"fmt"
	"math"
	"net"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"gollamas/internal/balance"
)

// A Setting is a plain value of the file that is a flag and a variable too.
type Setting struct {
	Key   string   // where it stands in the file; with dashes, the flag
	Flags []string // other names of the flag
	Env   []string // the variables, the first that is set wins
	Bool  bool     // the flag needs no value
	Rare  bool     // only the long help shows it
	Value string   // what it looks like
	Words []string // the values there are; nil = more than can be said
	Help  string
	set   func(*Config, string) error
}

// Flag is the setting's flag, without dashes in front.
func (s Setting) Flag() string { return dashes.Replace(s.Key) }

var dashes = strings.NewReplacer("_", "-", ".", "-")

// top is the key under which the setting stands at the top of the file.
func (s Setting) top() string {
	top, _, _ := strings.Cut(s.Key, ".")
	return top
}

// Settings are all plain values there are.
var Settings = []Setting{
	{Key: "listen", Value: "ADDR", Flags: []string{"a", "addr", "address"}, Env: []string{"GOLLAMAS_LISTEN", "LISTEN"},
		Help: "serve on this address (default localhost:11434)", set: setListen},
	{Key: "level", Value: "LEVEL", Words: Levels, Flags: []string{"error-level"}, Env: []string{"GOLLAMAS_LEVEL", "LEVEL"},
		Help: "panic, fatal, error, warn, info (default), debug, trace", set: setLevel},
	{Key: "list_aliases", Rare: true, Env: []string{"GOLLAMAS_LIST_ALIASES", "LIST_ALIASES"}, Bool: true,
		Help: "show aliases in model lists too", set: func(c *Config, v string) error { return setBool(&c.ListAliases, v) }},
	{Key: "allow_running", Env: []string{"GOLLAMAS_ALLOW_RUNNING"}, Bool: true,
		Help: "serve a model that is loaded on any connection, configured or not",
		set:  func(c *Config, v string) error { return setBool(&c.AllowRunning, v) }},
	{Key: "manage", Env: []string{"GOLLAMAS_MANAGE"}, Bool: true,
		Help: "let clients create, copy, delete and push models, not only pull",
		set:  func(c *Config, v string) error { return setBool(&c.Manage, v) }},
	{Key: "balance", Value: "POLICY", Words: balance.Names, Env: []string{"GOLLAMAS_BALANCE"},
		Help: "which server: loaded-first (default), least-busy, round-robin, in-order",
		set:  func(c *Config, v string) error { return setPolicy(&c.Balance, v) }},
	{Key: "admin", Value: "ADDR", Env: []string{"GOLLAMAS_ADMIN"},
		Help: "metrics, health and state are here (default localhost:11435; off = none)", set: setAdmin},
	{Key: "ping", Rare: true, Value: "TIME", Env: []string{"GOLLAMAS_PING"},
		Help: "how often what is preloaded is kept loaded (default 4m; 0 = never)",
		set:  func(c *Config, v string) error { return setInterval(&c.Ping, v) }},
	{Key: "load_wait", Rare: true, Value: "TIME", Env: []string{"GOLLAMAS_LOAD_WAIT"},
		Help: "how long a request waits for its model to load (default 10m)",
		set:  func(c *Config, v string) error { return setDuration(&c.LoadWait, v, time.Second) }},
	{Key: "max_body", Rare: true, Value: "SIZE", Env: []string{"GOLLAMAS_MAX_BODY"},
		Help: "largest request that is read to be routed (default 512MiB)", set: setMaxBody},
	{Key: "watch", Rare: true, Value: "TIME", Env: []string{"GOLLAMAS_WATCH"},
		Help: "how often each server is looked at (default 5s)",
		set:  func(c *Config, v string) error { return setDuration(&c.Watch, v, 100*time.Millisecond) }},
	{Key: "drain", Value: "TIME", Env: []string{"GOLLAMAS_DRAIN"},
		Help: "how long running answers may take after SIGTERM (default 30s)",
		set:  func(c *Config, v string) error { return setDuration(&c.Drain, v, 0) }},
	{Key: "read_header", Rare: true, Value: "TIME", Env: []string{"GOLLAMAS_READ_HEADER"},
		Help: "how long a client may take for its header (default 10s)",
		set:  func(c *Config, v string) error { return setDuration(&c.ReadHeader, v, time.Millisecond) }},
	{Key: "drain_delay", Rare: true, Value: "TIME", Env: []string{"GOLLAMAS_DRAIN_DELAY"},
		Help: "how long requests are taken after SIGTERM, /readyz failing (default 0)",
		set:  func(c *Config, v string) error { return setDuration(&c.DrainDelay, v, 0) }},
	{Key: "max_connections", Rare: true, Value: "N", Env: []string{"GOLLAMAS_MAX_CONNECTIONS"},
		Help: "connections of clients at once; more wait (default 0, no limit)",
		set:  func(c *Config, v string) error { return setNumber(&c.MaxConnections, v, 0, many) }},
	{Key: "keys_file", Rare: true, Value: "FILE", Env: []string{"GOLLAMAS_KEYS_FILE"},
		Help: "a YAML list of keys, with what each may use and take", set: func(c *Config, v string) error { c.KeysFile = v; return nil }},
	{Key: "allow_cloud", Rare: true, Env: []string{"GOLLAMAS_ALLOW_CLOUD"}, Bool: true,
		Help: "let requests for :cloud and remote models leave your servers",
		set:  func(c *Config, v string) error { return setBool(&c.AllowCloud, v) }},
	{Key: "tls.cert", Rare: true, Value: "FILE", Env: []string{"GOLLAMAS_TLS_CERT"},
		Help: "serve HTTPS with this certificate (PEM), and --tls-key", set: func(c *Config, v string) error { c.ServerTLS.Cert = v; return nil }},
	{Key: "tls.key", Rare: true, Value: "FILE", Env: []string{"GOLLAMAS_TLS_KEY"},
		Help: "the certificate's key (PEM)", set: func(c *Config, v string) error { c.ServerTLS.Key = v; return nil }},
	{Key: "shared", Rare: true, Value: "URL", Env: []string{"GOLLAMAS_SHARED"},
		Help: "redis://HOST:6379, where replicas share keys' limits and servers' loads", set: setShared},
}

// nested are the plain values that stand one deeper, in the file only. The key says where.
var nested = []Setting{
	{Key: "stall.first_token", set: func(c *Config, v string) error { return setDuration(&c.Stall.FirstToken, v, time.Second) }},
	{Key: "stall.next_token", set: func(c *Config, v string) error { return setDuration(&c.Stall.NextToken, v, time.Second) }},
	{Key: "queue.length", set: func(c *Config, v string) error { return setNumber(&c.Queue.Length, v, 0, many) }},
	{Key: "queue.wait", set: func(c *Config, v string) error { return setDuration(&c.Queue.Wait, v, 0) }},
	{Key: "cold_start.comments", set: func(c *Config, v string) error { return setInterval(&c.ColdStart.Comments, v) }},
}

// below are the keys that nested values have under one at the top.
func below(top string) []string {
	var out []string
	for _, s := range slices.Concat(Settings, nested) {
		if key, ok := strings.CutPrefix(s.Key, top+"."); ok {
			out = append(out, key)
		}
	}
	return out
}

// Levels are the values of level, the most silent first.
var Levels = []string{"panic", "fatal", "error", "warn", "info", "debug", "trace"}

func setListen(c *Config, v string) error {
	if !isAddress(v) {
		return fmt.Errorf("%q is not an address: write HOST:PORT, such as localhost:11434 or 0.0.0.0:11434", v)
	}
	c.Listen = v
	return nil
}

func setAdmin(c *Config, v string) error {
	off := strings.EqualFold(v, "off")
	if !off && !isAddress(v) {
		return fmt.Errorf("%q is not an address: write HOST:PORT, such as localhost:11435, or off", v)
	}
	if c.Admin, c.AdminAsked = v, true; off {
		c.Admin = ""
	}
	return nil
}

// setShared takes a Redis's URL. What is wrong with it is told without its password.
func setShared(c *Config, v string) error {
	u, err := url.Parse(v)
	if err != nil || u.Scheme != "redis" && u.Scheme != "rediss" || u.Hostname() == "" {
		return errors.New("it is not a Redis: write redis://HOST:6379, or rediss:// for TLS") // a password may stand in it
	}
	c.Shared = v
	return nil
}

func isAddress(v string) bool {
	_, port, err := net.SplitHostPort(v)
	return err == nil && port != "" && !tooHigh(port)
}

// sameAddress says whether two addresses cannot both be served on. Every free port, 0, is another one.
func sameAddress(a, b string) bool {
	aHost, aPort := hostPort(a)
	bHost, bPort := hostPort(b)
	return aPort == bPort && aPort != 0 && (aHost == bHost || aHost == "" || bHost == "")
}

// hostPort spells one address one way; the host is "" where it is every address of the machine.
func hostPort(address string) (host string, port uint64) {
	host, text, _ := net.SplitHostPort(address)
	port, _ = strconv.ParseUint(text, 10, 16)
	if host = strings.ToLower(host); host == "localhost" {
		host = "127.0.0.1"
	}
	if ip := net.ParseIP(host); ip.IsUnspecified() {
		host = ""
	} else if ip != nil {
		host = ip.String()
	}
	return host, port
}

func setPolicy(to *string, v string) error {
	policy := strings.ToLower(v)
	if !slices.Contains(balance.Names, policy) {
		return fmt.Errorf("%q is not a policy: it is one of %s%s", v, strings.Join(balance.Names, ", "), Near(policy, balance.Names))
	}
	*to = policy
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

func setBool(to *bool, v string) error {
	b, err := strconv.ParseBool(strings.ToLower(v))
	if err != nil {
		return fmt.Errorf("%q is neither true nor false", v)
	}
	*to = b
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

// setInterval takes how often something is done; 0 = never.
func setInterval(to *time.Duration, v string) error {
	var d time.Duration
	if err := setDuration(&d, v, 0); err != nil {
		return err
	}
	if d > 0 && d < time.Second {
		return fmt.Errorf("%q is too often: write at least 1s, or 0 for never", v)
	}
	*to = d
	return nil
}

const (
	many    = 1_000_000 // a greater number than anybody means
	highest = 1000      // weight and tier
)

func setNumber(to *int, v string, least, most int) error {
	n, err := strconv.Atoi(v)
	if err != nil || n < least || n > most {
		return fmt.Errorf("%q is not a whole number from %d to %d", v, least, most)
	}
	*to = n
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
