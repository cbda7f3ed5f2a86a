package main

import (
	"context"
	"fmt"
	"io"
	"log"
	"math/rand/v2"
	"net"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// modelName is the one model there is.
const modelName = "llama3.2"

// listed is the model as /api/tags has it.
const listed = `{"name":"llama3.2:latest","model":"llama3.2:latest","modified_at":"2025-06-01T10:00:00.123456789Z",` +
	`"size":2019393189,"digest":"a80c4f17acd55265feec403c7aef86be0c25983ab279d83f3bcd3abbcb5b8b72",` +
	`"details":{"parent_model":"","format":"gguf","family":"llama","families":["llama"],"parameter_size":"3.2B","quantization_level":"Q4_K_M"}}`

// smallAnswer is what Ollama answers to a question with "stream":false.
const smallAnswer = `{"model":"llama3.2","created_at":"2025-06-01T10:00:00.123456789Z",` +
	`"message":{"role":"assistant","content":"Because air scatters blue light more than red."},` +
	`"done_reason":"stop","done":true,"total_duration":412345678,"load_duration":12345678,` +
	`"prompt_eval_count":31,"prompt_eval_duration":52345678,"eval_count":11,"eval_duration":334567890}`

// The header field by which a request says which answer it wants, and the
// wishes: without one the answer is small. A proxy passes it on like any other.
const (
	wishField  = "X-Bench"
	wishTalk   = "talk"   // a record every recordPace
	wishWait   = "wait"   // one record, and then nothing
	wishLength = "length" // and how many bytes the answer is to have
)

// recordPace is between two records of a stream: a model of middling speed.
const recordPace = 100 * time.Millisecond

// longest bounds a stream that nobody ends.
const longest = time.Minute

// serveServer is a pretend Ollama that does as little as it can, to leave the machine to what is measured.
func serveServer(ctx context.Context, l net.Listener, _ string) error {
	mux := http.NewServeMux()
	list := answerWith(`{"models":[` + listed + `]}`)
	mux.HandleFunc("GET /api/tags", list)
	mux.HandleFunc("GET /api/ps", list)
	mux.HandleFunc("GET /api/version", answerWith(`{"version":"0.33.0"}`))
	mux.HandleFunc("POST /api/chat", chat)
	return serveHTTP(ctx, l, log.New(io.Discard, "", 0), mux)
}

func answerWith(text string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header()["Content-Type"] = []string{"application/json; charset=utf-8"}
		_, _ = io.WriteString(w, text) // who asked has left
	}
}

var answerSmall = answerWith(smallAnswer)

func chat(w http.ResponseWriter, r *http.Request) {
	if _, err := io.Copy(io.Discard, r.Body); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	wish, number, _ := strings.Cut(r.Header.Get(wishField), " ")
	switch wish {
	case wishTalk:
		talkOn(w, r.Context())
	case wishWait:
		record(w)
		waitFor(r.Context(), longest)
	case wishLength:
		answerLong(w, number)
	default:
		answerSmall(w, r)
	}
}

// talkOn writes records until the client leaves. Streams in the field are not in
// step with each other, so each has a moment of its own.
func talkOn(w http.ResponseWriter, ctx context.Context) {
	if record(w); !waitFor(ctx, rand.N(recordPace)) { // #nosec G404 -- only a pause
		return
	}
	pace := time.NewTicker(recordPace)
	defer pace.Stop()
	for range longest / recordPace {
		record(w)
		select {
		case <-ctx.Done():
			return
		case <-pace.C:
		}
	}
}

// recordStart stands before the time in every record.
const recordStart = `{"model":"llama3.2","created_at":"`

// record writes one record of a stream and the time it was written.
func record(w http.ResponseWriter) {
	w.Header()["Content-Type"] = []string{"application/x-ndjson"}
	b := make([]byte, 0, 160)
	b = append(b, recordStart...)
	b = time.Now().UTC().AppendFormat(b, time.RFC3339Nano)
	b = append(b, `","message":{"role":"assistant","content":" light"},"done":false}`+"\n"...)
	if _, err := w.Write(b); err == nil {
		_ = http.NewResponseController(w).Flush() // a client that left is seen by the context
	}
}

func waitFor(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-t.C:
		return true
	}
}

// answerLong answers in one write, as Ollama does: net/http makes it one chunk without a Content-Length.
func answerLong(w http.ResponseWriter, number string) {
	size, err := strconv.Atoi(number)
	if err != nil || size < 0 || size > 1<<30 {
		http.Error(w, fmt.Sprintf("%q is no length", number), http.StatusBadRequest)
		return
	}
	w.Header()["Content-Type"] = []string{"application/json; charset=utf-8"}
	_, _ = w.Write(longAnswer(size)) // who asked has left
}
