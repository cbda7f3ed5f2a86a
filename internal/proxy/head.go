package proxy

import (
	"errors"
	"fmt"
	"net/http"
	"net/textproto"
	"strconv"
	"strings"

	"gollamas/internal/ollama"
)

// An answer's head is what stands before its body.
type head struct {
	status  int
	header  http.Header
	length  int64 // of the body; -1 = until chunks or the connection end
	chunked bool
	close   bool // the connection is over with this answer
}

var (
	errNotHTTP = errors.New("its answer is not HTTP")
	errUnclear = fmt.Errorf("%w: how its body ends is not clear", errNotHTTP)
)

// parseHead reads a status line and header. What two parsers could read
// differently (folded lines, spaces in names, two lengths) is an error.
func parseHead(raw []byte) (head, error) {
	text := string(raw)
	line, rest, _ := strings.Cut(text, "\n")
	h := head{length: -1}
	var err error
	var old bool
	if h.status, old, err = parseStatus(strings.TrimSuffix(line, "\r")); err != nil {
		return h, err
	}
	if h.header, err = parseHeader(rest); err != nil {
		return h, err
	}
	h.close = old && !hasToken(h.header["Connection"], "keep-alive") || hasToken(h.header["Connection"], "close")
	if old && h.header["Transfer-Encoding"] != nil { // HTTP/1.0 has none: some would read the chunks' sizes as text
		return h, errUnclear
	}
	return h, h.frame()
}

func parseStatus(line string) (status int, old bool, err error) {
	version, rest, _ := strings.Cut(line, " ")
	code, _, _ := strings.Cut(rest, " ")
	if version != "HTTP/1.1" && version != "HTTP/1.0" || len(code) != 3 {
		return 0, false, errNotHTTP
	}
	status, err = strconv.Atoi(code)
	if err != nil || status < 100 {
		return 0, false, errNotHTTP
	}
	return status, version == "HTTP/1.0", nil
}

func parseHeader(text string) (http.Header, error) {
	lines := strings.Count(text, "\n")
	header, values := make(http.Header, lines), make([]string, 0, lines)
	for text != "" {
		var line string
		line, text, _ = strings.Cut(text, "\n")
		if line = strings.TrimSuffix(line, "\r"); line == "" {
			break
		}
		name, value, ok := cutField(line)
		if !ok {
			return nil, fmt.Errorf("%w: a header line is malformed", errNotHTTP)
		}
		name = textproto.CanonicalMIMEHeaderKey(name)
		value = strings.Trim(value, " \t")
		if had := header[name]; had != nil {
			header[name] = append(had, value)
			continue
		}
		values = append(values, value)
		header[name] = values[len(values)-1 : len(values) : len(values)]
	}
	return header, nil
}

func cutField(line string) (name, value string, ok bool) {
	name, value, ok = strings.Cut(line, ":")
	return name, value, ok && isToken(name) && isText(value)
}

// frame finds out where the body ends: RFC 9112, 6.3.
func (h *head) frame() error {
	lengths, te := h.header["Content-Length"], h.header["Transfer-Encoding"]
	switch {
	case len(te) > 0:
		if len(te) > 1 || !strings.EqualFold(te[0], "chunked") || len(lengths) > 0 {
			return errUnclear
		}
		h.chunked = true
	case len(lengths) > 0:
		n, err := strconv.ParseUint(lengths[0], 10, 62)
		if err != nil || len(lengths) > 1 {
			return errUnclear
		}
		h.length = int64(n)
	default:
		h.close = h.close || !bodiless(h.status)
	}
	if bodiless(h.status) {
		h.length, h.chunked = 0, false
	}
	return nil
}

func bodiless(status int) bool {
	return status < 200 || status == http.StatusNoContent || status == http.StatusNotModified
}

func hasToken(values []string, token string) bool {
	for _, v := range values {
		for part := range strings.SplitSeq(v, ",") {
			if strings.EqualFold(strings.Trim(part, " \t"), token) {
				return true
			}
		}
	}
	return false
}

// isToken says whether s may be a header's name.
func isToken(s string) bool {
	for i := range len(s) {
		c := s[i]
		if c <= ' ' || c >= 0x7f || strings.IndexByte(`"(),/:;<=>?@[\]{}`, c) >= 0 {
			return false
		}
	}
	return s != ""
}

// isText says whether s may be a header's value: no control characters but tabs.
func isText(s string) bool {
	for i := range len(s) {
		if c := s[i]; c < ' ' && c != '\t' || c == 0x7f {
			return false
		}
	}
	return true
}

// framing is how the body is cut into records.
func (h *head) framing() ollama.Framing {
	return ollama.FramingOf(h.header.Get("Content-Type"), h.header.Get("Content-Encoding"))
}
