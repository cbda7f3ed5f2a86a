package e2e

import (
	"bytes"
	"encoding/base64"
	"io"
	"math/rand/v2"
	"net/http"
	"slices"
	"testing"

	"github.com/klauspost/compress/zstd"
	"github.com/openai/openai-go/v3"
	"github.com/openai/openai-go/v3/option"

	"gollamas/internal/ollamatest"
)

// picture is 6 MiB of noise, which is 8 MiB in a JSON body.
func picture() []byte {
	p := make([]byte, 6<<20)
	_, _ = rand.NewChaCha8([32]byte{}).Read(p) // never fails
	return p
}

// seeing are the speakers whose endpoints take pictures.
var seeing = slices.DeleteFunc(slices.Clone(speakers), func(s speaker) bool { return s.path == "/v1/completions" })

func TestABigPictureGoesThrough(t *testing.T) {
	onEachFleet(t, func(t *testing.T, f *fleet) {
		image := picture()
		onSpeakers(t, seeing, func(t *testing.T, s speaker) {
			for _, stream := range []bool{false, true} {
				a := s.asked(t, f.url, question{model: alias, stream: stream, image: image})
				if a.text != chainText {
					t.Errorf("stream %t: heard %q", stream, a.text)
				}
				f.got(t, s.path, image)
			}
		})
	})
}

// got checks that server a was sent the picture whole, where it can be asked.
func (f *fleet) got(t *testing.T, path string, image []byte) {
	t.Helper()
	if f.a.pretend == nil {
		return
	}
	last := lastTo(f.a.pretend, path)
	if !bytes.Contains(last.Body, []byte(base64.StdEncoding.EncodeToString(image))) || !bytes.Contains(last.Body, []byte(`"model":"tiny-chain"`)) {
		t.Errorf("the server got a body of %d bytes", len(last.Body))
	}
	f.a.pretend.Reset()
}

// lastTo is the last request to path.
func lastTo(s *ollamatest.Server, path string) ollamatest.Request {
	var last ollamatest.Request
	for _, r := range s.Requests() {
		if r.URL == path {
			last = r
		}
	}
	return last
}

func TestACompressedRequestIsReadAndAnswered(t *testing.T) {
	onEachFleet(t, func(t *testing.T, f *fleet) {
		c := openaiClient(f.url, option.WithMiddleware(compressed(t)))
		params := openai.ChatCompletionNewParams{Model: alias, Messages: []openai.ChatCompletionMessageParamUnion{openai.UserMessage("hello")}}
		r, err := c.Chat.Completions.New(limited(t), params)
		if err != nil {
			t.Fatal(err)
		}
		if r.Model != alias || r.Choices[0].Message.Content != chainText {
			t.Errorf("the answer is %s", r.RawJSON())
		}
		_, err = c.Chat.Completions.New(limited(t), openai.ChatCompletionNewParams{Model: unknown, Messages: params.Messages})
		saysMissing(t, err, notFound)
	})
}

// compressed sends each request's body in zstd.
func compressed(t *testing.T) option.Middleware {
	z, err := zstd.NewWriter(nil)
	if err != nil {
		t.Fatal(err)
	}
	return func(r *http.Request, next option.MiddlewareNext) (*http.Response, error) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			return nil, err
		}
		packed := z.EncodeAll(body, nil)
		r.Body, r.ContentLength = io.NopCloser(bytes.NewReader(packed)), int64(len(packed))
		r.Header.Set("Content-Encoding", "zstd")
		return next(r)
	}
}
