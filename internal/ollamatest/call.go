package ollamatest

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"
)

const (
	jsonUTF8 = "application/json; charset=utf-8"
	jsonBare = "application/json"
	ndjson   = "application/x-ndjson"
	sse      = "text/event-stream"
	plain    = "text/plain"
)

// A call is one request and its answer.
type call struct {
	*Server
	w     http.ResponseWriter
	r     *http.Request
	ctx   context.Context // ends when the client leaves or the server stops
	seen  *Request
	param string // the path's last segment, on routes that have one

	read    []byte // the body, once read
	readErr error
	isRead  bool
	upload  bool // a blob: never read as a whole

	struck  []*armed // the faults that hit this request
	records int      // sent so far, of a stream
	begun   time.Time
}

// ServeHTTP answers one request as Ollama would.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	life, alive := s.enter()
	if !alive {
		panic(http.ErrAbortHandler)
	}
	defer s.leave()
	ctx, cancel := context.WithCancel(r.Context())
	defer cancel()
	defer context.AfterFunc(life, cancel)()

	seen := s.history.arrived(r)
	defer func() {
		if r.Context().Err() != nil && life.Err() == nil {
			s.history.gone(seen)
		}
	}()
	c := &call{Server: s, w: w, r: r, ctx: ctx, seen: seen, begun: time.Now()}
	c.upload = strings.HasPrefix(r.URL.Path, "/api/blobs/")
	if !c.arrive() {
		c.dispatch()
	}
	if life.Err() != nil {
		c.tear() // a dead box does not finish its answers
	}
}

// body is the whole body, which is read once.
func (c *call) body() ([]byte, error) {
	if !c.isRead {
		c.isRead = true
		c.read, c.readErr = io.ReadAll(recorder{c.r.Body, &c.history, c.seen})
	}
	return c.read, c.readErr
}

// model is the model the request names, as far as a look at it tells.
func (c *call) model() string {
	if c.param != "" {
		return c.param
	}
	if name, ok := strings.CutPrefix(c.r.URL.Path, "/v1/models/"); ok {
		return name
	}
	if q := c.r.URL.Query().Get("model"); q != "" {
		return q
	}
	if c.upload {
		return ""
	}
	var named struct{ Model, Name, Source string }
	body, _ := c.body()
	if json.Unmarshal(body, &named) != nil {
		return formField(c.r.Header.Get("Content-Type"), body, "model")
	}
	for _, name := range []string{named.Model, named.Name, named.Source} {
		if name != "" {
			return name
		}
	}
	return ""
}

// decode reads the first JSON value of the body, and nothing after it.
func (c *call) decode(v any) error {
	body, err := c.body()
	if err != nil && len(body) == 0 {
		return err
	}
	return inTheirWords(json.NewDecoder(bytes.NewReader(body)).Decode(v))
}

// bind decodes a native request, or answers why not.
func (c *call) bind(v any) bool {
	switch err := c.decode(v); {
	case err == nil:
		return true
	case errors.Is(err, io.EOF):
		c.fail(http.StatusBadRequest, "missing request body")
	default:
		c.fail(http.StatusBadRequest, err.Error())
	}
	return false
}

type nativeError struct {
	Error string `json:"error"`
}

// fail answers with a native error.
func (c *call) fail(status int, text string) { c.json(status, nativeError{text}) }

// json answers with v in one piece.
func (c *call) json(status int, v any) { c.answer(status, jsonUTF8, marshal(v)) }

func marshal(v any) []byte {
	b, err := json.Marshal(v)
	if err != nil {
		panic(err) // only our own types come here
	}
	return b
}

func marshalLine(v any) []byte { return append(marshal(v), '\n') }

// answer sends a body in one piece. A content type that is set already wins.
func (c *call) answer(status int, contentType string, body []byte) {
	if c.w.Header().Get("Content-Type") == "" {
		c.w.Header().Set("Content-Type", contentType)
	}
	if f := c.fault(Hang, Cut); f != nil && f.After < len(body) {
		c.partly(f, status, body)
	}
	c.w.WriteHeader(status)
	_, _ = c.w.Write(body)
}

// partly sends the beginning of a body, and then what the fault wants.
func (c *call) partly(f *armed, status int, body []byte) {
	if f.After > 0 {
		c.w.Header().Set("Content-Length", strconv.Itoa(len(body)))
		c.w.WriteHeader(status)
		_, _ = c.w.Write(body[:f.After])
		c.flush()
	}
	c.breakOff(f)
}

func (c *call) breakOff(f *armed) {
	if f.Kind == Hang {
		c.hang()
	}
	c.tear()
}

func (c *call) flush() { _ = http.NewResponseController(c.w).Flush() }

// pace is the time before each token.
func (c *call) pace() time.Duration {
	if f := c.fault(Slow); f != nil {
		return f.Pace
	}
	return c.opts.Pace
}

// wait lets d pass, and reports whether the client is still there.
func (c *call) wait(d time.Duration) bool { return pause(c.ctx, d) }

func pause(ctx context.Context, d time.Duration) bool {
	if d <= 0 {
		return ctx.Err() == nil
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}
