package e2e

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"testing"

	"github.com/go-json-experiment/json/jsontext"

	"gollamas/internal/ollama"
)

// readers are ways to find the model that a request names.
var readers = []struct {
	name string
	read func(body []byte) (string, error)
}{
	{"gollamas", readObject},
	{"jsontext", readTokens},
	{"encoding_json", readStruct},
}

func readObject(body []byte) (string, error) {
	o, err := ollama.ReadObject(body)
	if err != nil {
		return "", err
	}
	return o.String(ollama.FieldModel)
}

// readTokens reads tokens where the body lies, and skips what is not the model.
func readTokens(body []byte) (string, error) {
	d := jsontext.NewDecoder(bytes.NewBuffer(body), jsontext.AllowDuplicateNames(true), jsontext.AllowInvalidUTF8(true))
	if _, err := d.ReadToken(); err != nil {
		return "", err
	}
	model := ""
	for d.PeekKind() != '}' {
		key, err := d.ReadToken()
		if err != nil {
			return "", err
		}
		if key.String() != "model" {
			err = d.SkipValue()
		} else if key, err = d.ReadToken(); err == nil {
			model = key.String()
		}
		if err != nil {
			return "", err
		}
	}
	return model, nil
}

func readStruct(body []byte) (string, error) {
	var m struct{ Model string }
	err := json.Unmarshal(body, &m)
	return m.Model, err
}

// pictureChat is a chat with a picture of 8 MiB in it; the model stands behind it, as many clients have it.
func pictureChat() []byte {
	b := []byte(`{"messages":[{"role":"system","content":"You see pictures.\nSay \"what\" is on them."},{"role":"user","content":"what is it?","images":["`)
	b = base64.StdEncoding.AppendEncode(b, picture())
	return append(b, `"]}],"options":{"temperature":0.2,"num_ctx":8192},"stream":true,"model":"llama3.2-vision:11b"}`...)
}

func TestEveryReaderFindsTheModel(t *testing.T) {
	t.Parallel()
	body := pictureChat()
	for _, r := range readers {
		if got, err := r.read(body); err != nil || got != "llama3.2-vision:11b" {
			t.Errorf("%s: %q, %v", r.name, got, err)
		}
	}
}

// BenchmarkFindTheModel shows what the choice of tokenizer costs each request.
func BenchmarkFindTheModel(b *testing.B) {
	for _, kind := range []struct {
		name string
		body []byte
	}{
		{"picture_8MiB", pictureChat()},
		{"chat_100B", []byte(`{"model":"llama3.2","messages":[{"role":"user","content":"why is the sky blue, in one line?"}]}`)},
		{"history_64KiB", history()},
	} {
		for _, r := range readers {
			b.Run(kind.name+"/"+r.name, func(b *testing.B) {
				b.SetBytes(int64(len(kind.body)))
				b.ReportAllocs()
				for b.Loop() {
					if _, err := r.read(kind.body); err != nil {
						b.Fatal(err)
					}
				}
			})
		}
	}
}

// history is a long conversation: many short strings with escapes in them.
func history() []byte {
	b := []byte(`{"messages":[{"role":"system","content":"Be brief."}`)
	for len(b) < 64<<10 {
		b = append(b, `,{"role":"user","content":"What does \"go vet\" say?\nIs it right?"},{"role":"assistant","content":"It says:\n\tresult of fmt.Errorf call not used\nYes."}`...)
	}
	return append(b, `],"stream":true,"model":"llama3.2"}`...)
}
