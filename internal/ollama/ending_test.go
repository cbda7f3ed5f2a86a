package ollama

import (
	"strings"
	"testing"
)

// endings are whole answers and broken ones.
var endings = []struct {
	what    string
	framing Framing
	text    string
	whole   bool
	failure string
}{
	{"native", NDJSON, `{"response":"a","done":false}` + "\n" + `{"response":"","done":true,"done_reason":"stop"}` + "\n", true, ""},
	{"native, long last record", NDJSON, `{"response":"","done":true,"context":[` + strings.Repeat("12345,", 9000) + `1],"eval_count":3}` + "\n", true, ""},
	{"native with a space", NDJSON, `{"done": true}` + "\n", true, ""},
	{"native, blank line at the end", NDJSON, `{"done":true}` + "\n\n", true, ""},
	{"native cut between records", NDJSON, `{"response":"a","done":false}` + "\n", false, ""},
	{"native cut within a record", NDJSON, `{"response":"a","done":false}` + "\n" + `{"response":"b","do`, false, ""},
	{"native cut behind done", NDJSON, `{"message":{"tool_calls":[{"function":{"arguments":{"done":true`, false, ""},
	{"native, done in a tool call only", NDJSON, `{"message":{"tool_calls":[{"function":{"arguments":{"done":true}}}]},"done":false}` + "\n", false, ""},
	{"native, done in a text only", NDJSON, `{"response":"\"done\":true","done":false}` + "\n", false, ""},
	{"native, done in an earlier record", NDJSON, `{"done":true}` + "\n" + `{"done":false}` + "\n", false, ""},
	{"native, its own error", NDJSON, `{"done":false}` + "\n" + `{"error":"runner died"}` + "\n", false, "runner died"},
	{"native, its own long error", NDJSON, `{"done":false}` + "\n" + `{"error":"` + strings.Repeat("x", 5000) + `"}` + "\n", false, "an error whose text is too long to repeat"},
	{"native, nothing", NDJSON, "", false, ""},
	{"pull", NDJSON, `{"status":"pulling"}` + "\n" + `{"status":"success"}` + "\n", true, ""},
	{"pull failed", NDJSON, `{"status":"pulling"}` + "\n" + `{"error":"no space left"}` + "\n", false, "no space left"},
	{"chat", SSE, "data: {\"id\":1}\n\ndata: [DONE]\n\n", true, ""},
	{"chat cut", SSE, "data: {\"id\":1}\n\n", false, ""},
	{"chat, done in a text", SSE, "data: {\"content\":\"data: [DONE]\"}\n\n", false, ""},
	{"chat's error", SSE, "data: {\"error\":{\"message\":\"boom\"}}\n\n", false, "boom"},
	{"messages", SSE, "event: message_stop\ndata: {\"type\":\"message_stop\"}\n\n", true, ""},
	{"messages cut", SSE, "event: content_block_delta\ndata: {\"type\":\"content_block_delta\"}\n\n", false, ""},
	{"messages cut within its last event", SSE, "event: message_stop\ndata: {\"type\":\"message_stop\"", false, ""},
	{"responses", SSE, "event: response.completed\ndata: {\"response\":{\"output\":\"" + strings.Repeat("x", 5000) + "\"},\"type\":\"response.completed\"}\n\n", true, ""},
	{"responses, type first", SSE, "event: response.completed\ndata: {\"type\":\"response.completed\",\"response\":{\"output\":\"" + strings.Repeat("x", 5000) + "\"}}\n\n", true, ""},
	{"responses cut behind the last event's name", SSE, "data: {}\n\nevent: response.completed\n", false, ""},
	{"responses cut within the last event", SSE, "event: response.completed\ndata: {\"type\":\"response.completed\",\"response\":{\"outp", false, ""},
	{"responses cut", SSE, "event: response.output_text.delta\ndata: {\"type\":\"response.output_text.delta\"}\n\n", false, ""},
	{"plain answer", JSON, `{"embeddings":[[1,2]]}`, true, ""},
	{"plain answer, done", JSON, `{"response":"x","done":true}`, true, ""},
	{"plain answer, not done", JSON, `{"response":"x","done":false}`, false, ""},
	{"an Anthropic answer", JSON, `{"content":[{"type":"tool_use","input":{"done":false}}]}`, true, ""},
	{"opaque", Opaque, "anything", true, ""},
}

func TestAnswersEndAsOllamaEndsThem(t *testing.T) {
	for _, c := range endings {
		for _, step := range []int{1, 2, 3, 7, 13, 14, 64, 1000, 1 << 20} {
			e := Ending{Framing: c.framing, Native: c.what != "an Anthropic answer"}
			for p := []byte(c.text); len(p) > 0; {
				n := min(step, len(p))
				e.Write(p[:n])
				p = p[n:]
			}
			if e.Complete() != c.whole || e.Failure() != c.failure {
				t.Errorf("%s, %d bytes at a time: complete %v failure %q", c.what, step, e.Complete(), e.Failure())
			}
		}
	}
}

func TestAnErrorRecordStandsOnItsOwn(t *testing.T) {
	for _, c := range []struct {
		framing    Framing
		text, want string
	}{
		{NDJSON, "", ""}, {NDJSON, "{}\n", ""}, {NDJSON, "{}", "\n"}, {NDJSON, "{", "\n"},
		{SSE, "", ""}, {SSE, "data: {}\n\n", ""}, {SSE, "data: {}\r\n\r\n", ""}, {SSE, "data: {}\n", "\n"}, {SSE, "data: {", "\n\n"}, {SSE, "event: x\n", "\n"},
	} {
		e := Ending{Framing: c.framing}
		e.Write([]byte(c.text))
		if got := string(e.Gap()); got != c.want {
			t.Errorf("%q: gap %q, want %q", c.text, got, c.want)
		}
	}
}

func TestTokensAreReadFromTheEndOfEveryDialect(t *testing.T) {
	for tail, want := range map[string]Usage{
		`"context":[1],"prompt_eval_count":8,"prompt_eval_duration":5,"eval_count":16,"eval_duration":1}`: {8, 16, true},
		`"usage":{"prompt_tokens":8,"completion_tokens":16,"total_tokens":24}}` + "\n\ndata: [DONE]\n\n":  {8, 16, true},
		`"usage":{"input_tokens": 8,"output_tokens":16,"total_tokens":24}}`:                               {8, 16, true},
		`"usage":{"prompt_tokens":3,"total_tokens":3}}`:                                                   {3, 0, true},
		`{"embeddings":[[1]],"prompt_eval_count":3}`:                                                      {3, 0, true},
		`{"response":"say \"eval_count\":7"}`:                                                             {},
		``:                                                                                                {},
	} {
		if got := UsageIn([]byte(tail)); got != want {
			t.Errorf("%s: %+v, want %+v", tail, got, want)
		}
	}
}

func BenchmarkEndingChunk(b *testing.B) {
	chunk := []byte(`{"model":"tiny-chain","created_at":"2026-01-01T00:00:00.000000Z","message":{"role":"assistant","content":" quick"},"done":false}` + "\n")
	e := Ending{Framing: NDJSON}
	for b.Loop() {
		e.Write(chunk)
	}
}

// FuzzEnding holds that how an answer was cut into writes does not change how it is judged.
func FuzzEnding(f *testing.F) {
	for _, c := range endings {
		f.Add([]byte(c.text), uint16(7))
	}
	f.Fuzz(func(t *testing.T, text []byte, step uint16) {
		for _, framing := range []Framing{JSON, NDJSON, SSE} {
			whole, pieces := Ending{Framing: framing, Native: true}, Ending{Framing: framing, Native: true}
			whole.Write(text)
			for p := text; len(p) > 0; {
				n := min(int(step)+1, len(p))
				pieces.Write(p[:n])
				p = p[n:]
			}
			if whole.Complete() != pieces.Complete() {
				t.Fatalf("framing %d, %q: whole %v, %d bytes at a time %v", framing, text, whole.Complete(), step+1, pieces.Complete())
			}
		}
	})
}
