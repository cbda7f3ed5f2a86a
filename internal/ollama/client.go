package ollama

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"slices"
	"strings"
	"time"
)

// A Client asks one server what gollamas itself has to know, or has to have done.
type Client struct {
	HTTP   *http.Client
	Base   string // URL without a slash at its end
	Header http.Header
}

// maxList bounds a list: about 50,000 models.
const maxList = 32 << 20

// A Listed is one entry of /api/tags or /api/ps. Raw is the entry as the server wrote it,
// so that fields nobody here knows reach the client.
type Listed struct {
	Raw        json.RawMessage
	Name       string
	ModifiedAt time.Time // zero where it is missing or not as Ollama writes it
	ExpiresAt  time.Time
	Digest     string
	Size       int64  // bytes: on disk in /api/tags, in memory in /api/ps
	SizeVRAM   int64  // of those, on the graphics card; /api/ps only
	NumCtx     int    // the context it is loaded with; /api/ps only
	Trained    int    // the context it was trained for, 0 = not said (before v0.30)
	RemoteHost string // where a stub's requests would go
	Parent     string // the model it was made from, "" = it was not, or nobody knows; /api/tags only
	Embeds     bool   // it makes vectors and does not talk; only said since v0.30
}

// UnmarshalJSON reads an entry. A time that cannot be read is no reason to hide a model.
func (l *Listed) UnmarshalJSON(raw []byte) error {
	var e struct {
		Name       string
		ModifiedAt string `json:"modified_at"`
		ExpiresAt  string `json:"expires_at"`
		RemoteHost string `json:"remote_host"`
		Digest     string
		Size       int64
		SizeVRAM   int64 `json:"size_vram"`
		NumCtx     int   `json:"context_length"`
		Details    struct {
			Trained int    `json:"context_length"`
			Parent  string `json:"parent_model"`
		}
		Capabilities []string
	}
	_ = json.Unmarshal(raw, &e) // what is not as Ollama writes it stays empty, and an entry without a name is nobody's
	*l = Listed{Raw: append([]byte(nil), raw...), Name: e.Name, RemoteHost: e.RemoteHost,
		Digest: e.Digest, Size: e.Size, SizeVRAM: e.SizeVRAM, NumCtx: e.NumCtx, Trained: e.Details.Trained, Parent: e.Details.Parent}
	l.Embeds = slices.Contains(e.Capabilities, "embedding") && !slices.Contains(e.Capabilities, "completion")
	l.Size, l.SizeVRAM = clamp(l.Size), clamp(l.SizeVRAM)
	l.NumCtx, l.Trained = int(clamp(int64(l.NumCtx))), int(clamp(int64(l.Trained)))
	l.ModifiedAt, l.ExpiresAt = moment(e.ModifiedAt), moment(e.ExpiresAt)
	return nil
}

// moment is a time as Ollama writes it, in UTC, so that two of the same time are equal.
func moment(s string) time.Time {
	t, _ := time.Parse(time.RFC3339, s)
	return t.UTC()
}

// most is more bytes, or tokens, than anything has.
const most = 1 << 50

// clamp keeps a figure that a server made up from upsetting sums.
func clamp(n int64) int64 { return min(max(n, 0), most) }

// Tags lists what is installed.
func (c *Client) Tags(ctx context.Context) ([]Listed, error) { return c.list(ctx, "/api/tags") }

// PS lists what is loaded.
func (c *Client) PS(ctx context.Context) ([]Listed, error) { return c.list(ctx, "/api/ps") }

// Version is the server's version, such as "0.24.0".
func (c *Client) Version(ctx context.Context) (string, error) {
	var v struct{ Version string }
	err := c.get(ctx, "/api/version", &v)
	return v.Version, err
}

func (c *Client) list(ctx context.Context, path string) ([]Listed, error) {
	var l struct{ Models []Listed }
	err := c.get(ctx, path, &l)
	return l.Models, err
}

func (c *Client) get(ctx context.Context, path string, into any) error {
	status, body, err := c.Do(ctx, http.MethodGet, path, nil)
	if err != nil {
		return err
	}
	if status != http.StatusOK {
		return fmt.Errorf("%s: status %d: %s", path, status, firstLine(body))
	}
	if err := json.Unmarshal(body, into); err != nil {
		return fmt.Errorf("%s: not an answer of Ollama's: %w", path, err)
	}
	return nil
}

// Do sends one request, body being JSON or nil, and reads the whole answer, of which
// it keeps no more than 32 MiB. An answer of any status is no error.
func (c *Client) Do(ctx context.Context, method, path string, body []byte) (status int, answer []byte, err error) {
	var from io.Reader
	if body != nil {
		from = bytes.NewReader(body)
	}
	res, err := c.Open(ctx, method, path, Upload{From: from, Length: int64(len(body)), Type: "application/json"})
	if err != nil {
		return 0, nil, err
	}
	defer res.Body.Close()
	if answer, err = io.ReadAll(io.LimitReader(res.Body, maxList)); err != nil {
		return 0, nil, fmt.Errorf("%s: %w", path, err)
	}
	return res.StatusCode, answer, nil
}

// An Upload is a request's body.
type Upload struct {
	From   io.Reader // nil = there is none
	Length int64     // bytes, -1 = nobody knows
	Type   string    // Content-Type
	Enough func()    // ends From's reading, where nobody wants more; nil = it cannot be ended
}

// Open sends one request and returns its answer as it begins. The answer's body must be closed.
func (c *Client) Open(ctx context.Context, method, path string, body Upload) (*http.Response, error) {
	req, err := http.NewRequestWithContext(ctx, method, c.Base+path, body.From)
	if err != nil {
		return nil, err
	}
	maps.Copy(req.Header, c.Header)
	if body.From != nil {
		req.ContentLength = body.Length
		req.Header.Set("Content-Type", body.Type)
	}
	res, err := c.HTTP.Do(req)
	if err == nil && res.StatusCode < http.StatusOK {
		_ = res.Body.Close()
		return nil, fmt.Errorf("%s: its answer is not HTTP: status %d", path, res.StatusCode)
	}
	return res, err
}

func firstLine(body []byte) string {
	line, _, _ := strings.Cut(strings.TrimSpace(string(body)), "\n")
	return line[:min(len(line), 200)]
}
