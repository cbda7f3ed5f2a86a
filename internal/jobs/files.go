package jobs

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"gollamas/internal/fleet"
	"gollamas/internal/ollama"
)

// A file is a blob that was asked for or sent lately, and what became of it on servers. The create that follows goes
// by that, whatever the servers' health is by then.
type file struct {
	digest string
	used   time.Time
	on     []Outcome // the last of each server
}

// How many files are remembered, and for how long: a create follows its files within minutes.
const (
	mostFiles  = 1024
	fileMemory = time.Hour
)

// longestHead bounds asking a server whether it has a file.
const longestHead = 6 * time.Second

// Sent is what became of a file on the servers it was meant for, nil = nobody has sent it lately.
func (c *Changes) Sent(digest string) []Outcome {
	c.mu.Lock()
	defer c.mu.Unlock()
	if f := c.file(digest); f != nil {
		return slices.Clone(f.on)
	}
	return nil
}

// file finds one that is not forgotten. The lock is held.
func (c *Changes) file(digest string) *file {
	c.files = slices.DeleteFunc(c.files, func(f *file) bool { return time.Since(f.used) > fileMemory })
	digest = spelled(digest)
	i := slices.IndexFunc(c.files, func(f *file) bool { return f.digest == digest })
	if i < 0 {
		return nil
	}
	return c.files[i]
}

// spelled is a digest in the one spelling by which files are remembered.
func spelled(digest string) string { return strings.ToLower(strings.Replace(digest, "-", ":", 1)) }

// remember keeps what became of a file on some servers.
func (c *Changes) remember(digest string, all []Outcome) {
	c.mu.Lock()
	defer c.mu.Unlock()
	f := c.file(digest)
	if f == nil {
		f = &file{digest: spelled(digest)}
	}
	c.files = append(slices.DeleteFunc(c.files, func(o *file) bool { return o == f }), f)
	c.files = c.files[max(0, len(c.files)-mostFiles):]
	f.used = time.Now()
	f.on = slices.DeleteFunc(f.on, func(o Outcome) bool { return o.Server.Left() || slices.ContainsFunc(all, on(o.Server)) })
	for _, o := range all {
		f.on = append(f.on, Outcome{Server: o.Server, Done: o.Done, Status: o.Status, Why: clip(o.Why)})
	}
}

// on finds a server's outcome.
func on(s *fleet.Server) func(Outcome) bool { return func(o Outcome) bool { return o.Server == s } }

// Have asks servers, all at the same time, whether they have a file: the outcome is done where one has it.
func (c *Changes) Have(ctx context.Context, digest string, servers []*fleet.Server, via []string) []Outcome {
	ctx, cancel := context.WithTimeout(ctx, longestHead)
	defer cancel()
	out := make([]Outcome, len(servers))
	each(servers, func(i int, s *fleet.Server) { out[i] = has(ctx, digest, s, via) })
	return out
}

func has(ctx context.Context, digest string, s *fleet.Server, via []string) Outcome {
	status, _, err := client(s, via).Do(ctx, http.MethodHead, blobPath(digest), nil)
	switch {
	case err != nil:
		return Outcome{Server: s, Why: fleet.Reason(err)}
	case status == http.StatusOK:
		return Outcome{Server: s, Done: true, Status: status}
	case status == http.StatusNotFound:
		return Outcome{Server: s, Status: status, Why: "it has not got the file " + digest}
	}
	return Outcome{Server: s, Status: status, Why: fmt.Sprintf("asked whether it has the file, it says %d %s", status, http.StatusText(status)), Own: true}
}

func blobPath(digest string) string { return "/api/blobs/" + digest }

// Meant remembers that a file is to go to these servers, and asks each whether it has it.
func (c *Changes) Meant(ctx context.Context, digest string, servers []*fleet.Server, via []string) []Outcome {
	have := c.Have(ctx, digest, servers, via)
	if ctx.Err() == nil {
		c.remember(digest, have)
	}
	return have
}

// Send sends a file to those of the servers that lack it, through one read of from, and remembers. The outcome of each
// says whether it has the file now. The error is from's own: then nothing more is known than that.
func (c *Changes) Send(ctx context.Context, digest string, servers []*fleet.Server, from ollama.Upload, via []string) ([]Outcome, error) {
	all := c.Meant(ctx, digest, servers, via)
	var lack []*fleet.Server
	for _, o := range all {
		if o.Status == http.StatusNotFound {
			lack = append(lack, o.Server)
		}
	}
	if len(lack) == 0 {
		return all, ctx.Err()
	}
	sent, err := c.upload(ctx, blobPath(digest), lack, from, via)
	for i, o := range all {
		if at := slices.IndexFunc(sent, on(o.Server)); at >= 0 {
			all[i] = sent[at]
		}
	}
	c.remember(digest, all)
	return all, err
}
