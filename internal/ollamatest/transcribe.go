package ollamatest

import (
	"bytes"
	"io"
	"mime"
	"mime/multipart"
	"strings"
)

// v1Transcriptions turns an upload of sound into a chat. A model in the query wins over the form's.
func (c *call) v1Transcriptions() {
	body, _ := c.body()
	c.r.Body = io.NopCloser(bytes.NewReader(body))
	if err := c.r.ParseMultipartForm(25 << 20); err != nil {
		c.reject("failed to parse multipart form: " + err.Error())
		return
	}
	defer c.r.MultipartForm.RemoveAll()
	name := c.r.FormValue("model")
	if name == "" {
		c.reject(errNoModel.Error())
		return
	}
	file, header, err := c.r.FormFile("file")
	if err != nil {
		c.reject("file is required: " + err.Error())
		return
	}
	_ = file.Close()
	if header.Size == 0 {
		c.reject("audio file is empty")
		return
	}
	chat := &chatRequest{Model: name, Messages: []message{
		{Role: "system", Content: "Transcribe the following audio exactly as spoken. Output only the transcription text, nothing else."},
		{Role: "user", Content: "Transcribe this audio.", Images: []imageData{nil}},
	}}
	c.chatIn(&transcript{plain: c.r.FormValue("response_format") == "text"}, chat, false)
}

// transcript is the voice of /v1/audio/transcriptions. It speaks only when all is said, yet
// Ollama has begun a stream by then: hence the content type, and the chunks.
type transcript struct {
	openaiVoice
	plain bool
	text  strings.Builder
}

func (t *transcript) lines(r record) [][]byte {
	if t.text.WriteString(r.text); !r.done {
		return nil
	}
	return [][]byte{t.whole(r)}
}

func (t *transcript) whole(record) []byte {
	text := strings.TrimSpace(t.text.String())
	if t.plain {
		return []byte(text)
	}
	return marshalLine(struct {
		Text string `json:"text"`
	}{text})
}

func (t *transcript) ending(string) [][]byte { return nil }

func (t *transcript) mime() (stream, whole, refusal string) { return ndjson, jsonBare, jsonBare }

// formField reads one field of a form without taking the form apart.
func formField(contentType string, body []byte, field string) string {
	kind, params, err := mime.ParseMediaType(contentType)
	if err != nil || kind != "multipart/form-data" {
		return ""
	}
	form, err := multipart.NewReader(bytes.NewReader(body), params["boundary"]).ReadForm(1 << 20)
	if err != nil || len(form.Value[field]) == 0 {
		return ""
	}
	return form.Value[field][0]
}

type imageRequest struct {
	Model  string `json:"model"`
	Prompt string `json:"prompt"`
}

type imageEdit struct {
	Model  string `json:"model"`
	Prompt string `json:"prompt"`
	Image  string `json:"image"`
}

func (c *call) v1Images() {
	var req imageRequest
	if c.bindV1(&req) && c.required("prompt", req.Prompt) && c.required("model", req.Model) {
		c.generateIn(picture{}, &generateRequest{Model: req.Model, Prompt: req.Prompt})
	}
}

func (c *call) v1ImageEdits() {
	var req imageEdit
	if c.bindV1(&req) && c.required("prompt", req.Prompt) && c.required("model", req.Model) && c.required("image", req.Image) {
		if _, err := dataURL(req.Image); err != nil {
			c.reject("invalid image: " + err.Error())
			return
		}
		c.generateIn(picture{}, &generateRequest{Model: req.Model, Prompt: req.Prompt})
	}
}

func (c *call) required(field, value string) bool {
	if value == "" {
		c.reject(field + " is required")
	}
	return value != ""
}

// picture is the voice of the image routes: a model of words draws nothing.
type picture struct{ openaiVoice }

func (picture) lines(record) [][]byte                 { return nil }
func (picture) whole(record) []byte                   { return nil }
func (picture) ending(string) [][]byte                { return nil }
func (picture) mime() (stream, whole, refusal string) { return ndjson, jsonBare, jsonBare }
