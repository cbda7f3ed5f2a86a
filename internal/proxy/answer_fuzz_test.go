package proxy

import (
	"bufio"
	"bytes"
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/iotest"
)

var answers = []string{
	"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello",
	"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhel",
	"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
	"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5;x=y\r\nhello\r\n3\r\nyou\r\n0\r\nTrailer: x\r\n\r\n",
	"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhelloX\r\n0\r\n\r\n",
	"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n",
	"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nfffffffffffffffff\r\n",
	"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\n0\r\n\r\n",
	"HTTP/1.1 200 OK\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\nabcd",
	"HTTP/1.1 200 OK\r\nContent-Length: +3\r\n\r\nabc",
	"HTTP/1.1 200 OK\r\nContent-Length: 3, 3\r\n\r\nabc",
	"HTTP/1.1 200 OK\r\n\r\nuntil the end",
	"HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: 1\r\n\r\na",
	"HTTP/1.1 204 No Content\r\nContent-Length: 5\r\n\r\n",
	"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\na",
	"HTTP/1.1 200 OK\r\nX: a\r\n folded\r\nContent-Length: 0\r\n\r\n",
	"HTTP/1.1 200 OK\r\nContent-Length : 3\r\n\r\nabc",
	"HTTP/1.1 200 OK\nContent-Length: 3\n\nabc",
	"HTTP/1.1 200\r\nContent-Length: 0\r\n\r\n",
	"HTTP/1.1 abc OK\r\n\r\n", "HTTP/2.0 200 OK\r\n\r\n", "garbage", "", "HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", "HTTP/1.1 200 OK\r\nX: \f\r\n\r\n", "HTTP/1.1 200 OK\r\nX: \x00\r\n\r\n",
}

// readAnswer reads what an engine would of a server that sent text.
func readAnswer(from io.Reader) (h head, body []byte, err error) {
	in := newInbox(from)
	for {
		raw, err := in.head()
		if err != nil {
			return h, nil, err
		}
		if h, err = parseHead(raw); err != nil {
			return h, nil, err
		}
		if h.status >= 200 {
			break
		}
	}
	b := newBody(in, h)
	for {
		p, err := b.next()
		if err == io.EOF {
			return h, body, nil
		}
		if err != nil {
			return h, body, err
		}
		body = append(body, p...)
	}
}

// FuzzAnswer holds the promise: an answer we take whole, net/http takes whole, with
// the same status, header and body. What we refuse it may take; two readings there cannot be.
func FuzzAnswer(f *testing.F) {
	for _, a := range answers {
		f.Add([]byte(a))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		h, body, err := readAnswer(bytes.NewReader(text))
		slow, slowBody, slowErr := readAnswer(iotest.OneByteReader(bytes.NewReader(text)))
		if (err == nil) != (slowErr == nil) || !bytes.Equal(body, slowBody) || h.status != slow.status {
			t.Fatalf("%q: at once %d %q %v, byte by byte %d %q %v", text, h.status, body, err, slow.status, slowBody, slowErr)
		}
		if err != nil {
			return
		}
		want, wantBody, wantErr := judgeAnswer(text)
		if wantErr != nil || want.StatusCode != h.status || !bytes.Equal(wantBody, body) {
			t.Fatalf("%q: read %d %q, net/http reads %v %q %v", text, h.status, body, want, wantBody, wantErr)
		}
		for name, values := range want.Header {
			if strings.Join(values, "|") != strings.Join(h.header[name], "|") {
				t.Fatalf("%q: %s is %q, net/http reads %q", text, name, h.header[name], values)
			}
		}
	})
}

func judgeAnswer(text []byte) (*http.Response, []byte, error) {
	in := bufio.NewReader(bytes.NewReader(text))
	for {
		res, err := http.ReadResponse(in, nil)
		if err != nil {
			return nil, nil, err
		}
		body, err := io.ReadAll(res.Body)
		if err != nil || res.StatusCode >= 200 {
			return res, body, err
		}
	}
}

func TestAnswersAreReadOrRefused(t *testing.T) {
	taken := 0
	for _, a := range answers {
		if _, _, err := readAnswer(strings.NewReader(a)); err == nil {
			taken++
		}
	}
	if taken != 9 {
		t.Errorf("%d of %d answers were taken whole, want 9", taken, len(answers))
	}
}
