package ollamatest

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/http"
	"regexp"
	"strings"
	"sync"
)

// blobs are the uploads. Of each only its size and its first bytes are kept.
type blobs struct {
	mu   sync.Mutex
	held map[string]blob // by the digest's hex digits
}

type blob struct {
	size int64
	gguf bool
}

var digestFormat = regexp.MustCompile(`^sha256[:-][0-9a-fA-F]{64}$`)

var errDigest = errors.New("invalid digest format")

// digits are the hex digits of a digest as requests write it.
func digits(digest string) (string, error) {
	if !digestFormat.MatchString(digest) {
		return "", errDigest
	}
	return strings.ToLower(digest[len("sha256:"):]), nil
}

// holds finds a blob among the uploads and the weights of the models.
func (s *Server) holds(hex string) (blob, bool) {
	s.blobs.mu.Lock()
	b, ok := s.blobs.held[hex]
	s.blobs.mu.Unlock()
	if !ok {
		if m := s.library.holdsWeights(hex); m != nil {
			return blob{size: m.Size, gguf: true}, true
		}
	}
	return b, ok
}

func (c *call) headBlob() {
	hex, err := digits(c.param)
	if err != nil {
		c.fail(http.StatusBadRequest, err.Error())
		return
	}
	if _, ok := c.holds(hex); !ok {
		c.fail(http.StatusNotFound, fmt.Sprintf("blob %q not found", c.param))
		return
	}
	c.w.WriteHeader(http.StatusOK)
}

// createBlob takes an upload to nowhere, but sums it. One that is there already is not read.
func (c *call) createBlob() {
	want, err := digits(c.param)
	if err != nil {
		c.fail(http.StatusBadRequest, err.Error())
		return
	}
	if _, ok := c.holds(want); ok {
		c.w.WriteHeader(http.StatusOK)
		return
	}
	c.struck = append(c.struck, c.faults.take(onUpload, c.r.URL.Path, c.model)...)
	if f := c.fault(Full, Jam); f != nil {
		c.choke(f)
		return
	}
	sum := sha256.New()
	head := make([]byte, 4)
	n, _ := io.ReadFull(c.r.Body, head) // what went wrong is said again
	sum.Write(head[:n])
	rest, err := io.Copy(sum, c.r.Body)
	size := int64(n) + rest
	if err != nil { // a part is kept nowhere
		c.fail(http.StatusInternalServerError, err.Error())
		return
	}
	got := hex.EncodeToString(sum.Sum(nil))
	c.keep(got, blob{size: size, gguf: string(head[:n]) == "GGUF"})
	if "sha256:"+got != c.param { // a digest written with a dash never matches
		c.fail(http.StatusBadRequest, fmt.Sprintf("digest mismatch, expected %q, got %q", c.param, "sha256:"+got))
		return
	}
	c.w.WriteHeader(http.StatusCreated)
}

// choke takes only a part of an upload, of which nothing is kept.
func (c *call) choke(f *armed) {
	_, _ = io.CopyN(io.Discard, c.r.Body, int64(f.After))
	if f.Kind == Jam {
		<-c.ctx.Done()
		c.tear()
	}
	c.fail(http.StatusInternalServerError, orDefault(f.Body, "write /var/lib/ollama/models/blobs/sha256-"+c.param[len("sha256:"):]+"-partial: no space left on device"))
}

func (s *Server) keep(hex string, b blob) {
	s.blobs.mu.Lock()
	defer s.blobs.mu.Unlock()
	if s.blobs.held == nil {
		s.blobs.held = map[string]blob{}
	}
	s.blobs.held[hex] = b
}
