package main

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"math/rand/v2"
	"sync"
)

// The endings of a question about a picture: the model's name may stand on either side of it.
const (
	modelFirst = `{"model":"llama3.2","messages":[{"role":"user","content":"What is this?","images":["%s"]}],"stream":false}`
	modelLast  = `{"messages":[{"role":"user","content":"What is this?","images":["%s"]}],"stream":false,"model":"llama3.2"}`
)

const question = `{"model":"llama3.2","messages":[{"role":"user","content":"Why is the sky blue?"}],"stream":false}`

const questionStream = `{"model":"llama3.2","messages":[{"role":"user","content":"Why is the sky blue?"}]}`

// pictured is a request's body of about size bytes, nearly all of them a picture's.
func pictured(form string, size int) []byte {
	noise := make([]byte, base64.StdEncoding.DecodedLen(size-len(form)))
	_, _ = rand.NewChaCha8([32]byte{}).Read(noise) // never fails; the same in each run
	return fmt.Appendf(nil, form, base64.StdEncoding.EncodeToString(noise))
}

// request is a whole request for to, as it goes over the wire.
func request(to, wish string, body []byte) []byte {
	b := fmt.Appendf(nil, "POST /api/chat HTTP/1.1\r\nHost: %s\r\nUser-Agent: bench\r\nAccept: */*\r\n"+
		"Content-Type: application/json\r\nContent-Length: %d\r\n", to, len(body))
	if wish != "" {
		b = fmt.Appendf(b, "%s: %s\r\n", wishField, wish)
	}
	return append(append(b, "\r\n"...), body...)
}

var longText struct {
	sync.Mutex
	bytes []byte
}

// longAnswer is an answer of size bytes like those of /api/embed, made once.
func longAnswer(size int) []byte {
	longText.Lock()
	defer longText.Unlock()
	if len(longText.bytes) != size {
		const open, number, end = `{"model":"llama3.2","embeddings":[[`, `-0.012345678,`, `0]],"prompt_eval_count":8}`
		room := max(0, size-len(open)-len(end))
		b := append([]byte(open), bytes.Repeat([]byte(number), room/len(number))...)
		b = append(b, bytes.Repeat([]byte(" "), room%len(number))...)
		longText.bytes = append(b, end...)
	}
	return longText.bytes
}
