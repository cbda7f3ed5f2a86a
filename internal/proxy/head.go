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

var errNotHTTP = errors.New("its answer is not HTTP")

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
		name, value, ok := strings.Cut(line, ":")
		if !ok || !isToken(name) || strings.ContainsAny(value, "\x00\r") {
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

// frame finds out where the body ends: RFC 9112, 6.3.
func (h *head) frame() error {
	if bodiless(h.status) {
		h.length = 0
		return nil
	}
	if te := h.header["Transfer-Encoding"]; len(te) > 0 {
		if len(te) > 1 || !strings.EqualFold(te[0], "chunked") || len(h.header["Content-Length"]) > 0 {
			return fmt.Errorf("%w: how its body ends is not clear", errNotHTTP)
		}
		h.chunked = true
		return nil
	}
	lengths := h.header["Content-Length"]
	if len(lengths) == 0 {
		h.close = true
		return nil
	}
	n, err := strconv.ParseUint(lengths[0], 10, 62)
	if err != nil || lengths[0][0] == '+' || len(lengths) > 1 {
		return fmt.Errorf("%w: how its body ends is not clear", errNotHTTP)
	}
	h.length = int64(n)
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

// framing is how the body is cut into records.
func (h *head) framing() ollama.Framing {
	return ollama.FramingOf(h.header.Get("Content-Type"), h.header.Get("Content-Encoding"))
}
