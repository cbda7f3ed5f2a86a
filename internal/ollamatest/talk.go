package ollamatest

import (
	"net/http"
	"strings"
	"time"
)

const runnerStopped = "model runner has unexpectedly stopped, this may be due to resource limitations or an internal error, check ollama server logs for details"

// talk is a model answering a prompt, on its runner.
type talk struct {
	*call
	voice  voice
	prompt prompt
	runner *runner
	model  *installed
	loaded time.Time // when the runner was there
	spoken time.Time // when the first token was begun
}

func (t *talk) run() {
	if err := checkFormat(t.prompt.format); err != nil {
		t.die(err.Error())
		return
	}
	free, ok := t.runner.slot(t.ctx)
	if !ok {
		return
	}
	defer free()
	if f := t.fault(DieRunning); f != nil {
		defer t.memory.died(t.runner)
	}
	t.spoken = time.Now()
	pieces := speech(t.model, t.prompt)
	o, _ := t.resolve(t.model, t.prompt.opts)
	limited := o.numPredict > 0 && o.numPredict <= len(pieces)
	if limited {
		pieces = pieces[:o.numPredict]
	}
	last := t.final(len(pieces), limited)
	if t.prompt.stream {
		t.streamed(pieces, last)
	} else {
		t.gathered(pieces, last)
	}
}

// final is the record after the last token. Its durations are filled in when it is sent.
func (t *talk) final(said int, limited bool) record {
	last := record{model: t.prompt.model, done: true, reason: "stop"}
	last.PromptEvalCount = promptTokens(t.runner, t.model, t.prompt)
	last.EvalCount = said + 1 // the token that says stop is counted
	if limited {
		last.reason, last.EvalCount = "length", said
	}
	if !t.prompt.noContext {
		last.context = answered(t.prompt, last.PromptEvalCount, said)
	}
	return last
}

func (t *talk) timed(r record) record {
	now := time.Now()
	r.at = now.UTC()
	r.TotalDuration = max(now.Sub(t.begun), 3)
	r.LoadDuration = max(t.loaded.Sub(t.begun), 1)
	r.PromptEvalDuration = 1
	r.EvalDuration = max(now.Sub(t.spoken), 1)
	return r
}

func (t *talk) record(p piece) record {
	return record{model: t.prompt.model, at: time.Now().UTC(), text: p.text, thinking: p.thinking, calls: p.calls}
}

func (t *talk) streamed(pieces []piece, last record) {
	if f := t.fault(ErrorRecord, DieRunning); f != nil && f.After == 0 {
		t.die(beforeFirst(f))
		return
	}
	t.w.Header().Set("Content-Type", ndjson)
	pace := t.pace()
	for _, p := range pieces {
		if !t.wait(pace) {
			return
		}
		if !t.say(t.record(p)) {
			return
		}
	}
	if t.say(t.timed(last)) {
		t.flush()
	}
}

// say sends a record, and the end of the stream if a fault wants it to end here.
func (t *talk) say(r record) bool {
	if stream, _, _ := t.voice.mime(); t.records == 0 && stream != "" {
		t.w.Header().Set("Content-Type", stream)
	}
	more := t.emit(t.voice, r)
	if !more && t.ctx.Err() == nil {
		t.breakDown()
	}
	t.flush()
	return more
}

func (t *talk) breakDown() {
	f := t.fault(SilentEnd, ErrorRecord, DieRunning)
	if f == nil {
		return
	}
	text := lastWords(f)
	if f.Kind == SilentEnd {
		text = ""
	}
	lines := t.voice.ending(text)
	if t.records == 0 && len(lines) == 0 {
		t.w.Header().Set("Content-Type", ndjson) // what Ollama calls a stream before it has begun
	}
	for _, b := range lines {
		_, _ = t.w.Write(b)
	}
}

// gathered answers in one piece.
func (t *talk) gathered(pieces []piece, last record) {
	if f := t.fault(ErrorRecord, DieRunning); f != nil {
		text := lastWords(f)
		if f.After == 0 {
			text = beforeFirst(f)
		}
		t.refuse(t.voice, http.StatusInternalServerError, text)
		return
	}
	if f := t.fault(SilentEnd); f != nil {
		pieces = pieces[:min(f.After, len(pieces))]
		last = record{}
	}
	if !t.wait(t.pace() * time.Duration(len(pieces))) {
		return
	}
	if last.done {
		last = t.timed(last)
	} else if len(pieces) > 0 {
		last = t.record(piece{})
	}
	gather(&last, pieces)
	_, whole, _ := t.voice.mime()
	t.answer(http.StatusOK, whole, t.voice.whole(last))
}

func gather(r *record, pieces []piece) {
	var text, thinking strings.Builder
	for _, p := range pieces {
		text.WriteString(p.text)
		thinking.WriteString(p.thinking)
		r.calls = append(r.calls, p.calls...)
	}
	r.text, r.thinking = text.String(), thinking.String()
}

// die answers that the runner is gone before a token came. Where a stream was wanted Ollama has
// begun one already, so the answer goes out in chunks.
func (t *talk) die(text string) {
	if !t.prompt.stream {
		t.refuse(t.voice, http.StatusInternalServerError, text)
		return
	}
	t.w.Header().Set("Content-Type", jsonBare)
	t.answer(http.StatusInternalServerError, jsonBare, t.voice.refusal(http.StatusInternalServerError, text))
	t.flush()
}

func beforeFirst(f *armed) string {
	if f.Body != "" {
		return f.Body
	}
	if f.Kind == DieRunning {
		return runnerStopped
	}
	return lastWords(f)
}
