package ollamatest

import (
	"encoding/json"
	"regexp"
	"strings"
	"testing"
)

const offered = `[{"type":"function","function":{"name":"f","parameters":{"type":"object","required":["b","a"],"properties":{"a":{"type":"string"}}}}}]`

// masked takes out what is different each time.
func masked(s string) string {
	for _, mask := range [][2]string{
		{`"response":\{.*\},"sequence_number"`, `"response":{},"sequence_number"`},
		{`"created_at":"[^"]+"`, `"created_at":"T"`},
		{`"(created|created_at|completed_at)":\d+`, `"$1":0`},
		{`:"(call|msg|resp|rs|fc|chatcmpl|cmpl)[-_]\w+"`, `:"$1"`},
		{`,"total_duration":\d+.*"eval_duration":\d+`, ``},
		{`,"usage":\{"input_tokens":\d+.*`, `,"usage"`},
	} {
		s = regexp.MustCompile(mask[0]).ReplaceAllString(s, mask[1])
	}
	return s
}

// TestToolsAndThinking has the shapes of answers that the recorded servers' models could not give.
func TestToolsAndThinking(t *testing.T) {
	able := Model{Name: "a", Capabilities: []string{"completion", "tools", "thinking"}, Words: []string{"hi"}}
	const user = `"messages":[{"role":"user","content":"x"}]`
	for _, tt := range []struct{ path, body, want string }{
		{"/api/chat", `{"model":"a",` + user + `,"stream":false}`,
			`{"model":"a","created_at":"T","message":{"role":"assistant","content":"hi","thinking":"Let me think."},"done":true,"done_reason":"stop"}`},
		{"/api/chat", `{"model":"a",` + user + `,"stream":false,"think":false}`,
			`{"model":"a","created_at":"T","message":{"role":"assistant","content":"hi"},"done":true,"done_reason":"stop"}`},
		{"/api/chat", `{"model":"a",` + user + `,"think":false,"tools":` + offered + `}`,
			`{"model":"a","created_at":"T","message":{"role":"assistant","content":"","tool_calls":[{"id":"call","function":{"index":0,"name":"f","arguments":{"b":"x","a":"x"}}}]},"done":false}
{"model":"a","created_at":"T","message":{"role":"assistant","content":""},"done":true,"done_reason":"stop"}
`},
		{"/api/chat", `{"model":"a","messages":[{"role":"user","content":"x"},{"role":"tool","content":"42"}],"stream":false,"think":false,"tools":` + offered + `}`,
			`{"model":"a","created_at":"T","message":{"role":"assistant","content":"hi"},"done":true,"done_reason":"stop"}`},
		{"/api/generate", `{"model":"a","prompt":"x","options":{"num_predict":1}}`,
			`{"model":"a","created_at":"T","response":"","thinking":"Let","done":false}
{"model":"a","created_at":"T","response":"","done":true,"done_reason":"length","context":[259,260,261]}
`},
		{"/v1/chat/completions", `{"model":"a",` + user + `,"tools":` + offered + `}`,
			`{"id":"chatcmpl","object":"chat.completion","created":0,"model":"a","system_fingerprint":"fp_ollama","choices":[{"index":0,"message":{"role":"assistant","content":"","reasoning":"Let me think.","tool_calls":[{"id":"call","index":0,"type":"function","function":{"name":"f","arguments":"{\"b\":\"x\",\"a\":\"x\"}"}}]},"finish_reason":"tool_calls"}],"usage":{"prompt_tokens":3,"completion_tokens":6,"total_tokens":9}}
`},
		{"/v1/chat/completions", `{"model":"a",` + user + `,"reasoning_effort":"none","stream":true,"tools":` + offered + `}`,
			`data: {"id":"chatcmpl","object":"chat.completion.chunk","created":0,"model":"a","system_fingerprint":"fp_ollama","choices":[{"index":0,"delta":{"role":"assistant","content":"","tool_calls":[{"id":"call","index":0,"type":"function","function":{"name":"f","arguments":"{\"b\":\"x\",\"a\":\"x\"}"}}]},"finish_reason":null}]}

data: {"id":"chatcmpl","object":"chat.completion.chunk","created":0,"model":"a","system_fingerprint":"fp_ollama","choices":[{"index":0,"delta":{"role":"assistant","content":""},"finish_reason":"tool_calls"}]}

data: [DONE]

`},
		{"/v1/messages", `{"model":"a","max_tokens":99,` + user + `,"tools":[{"name":"f","input_schema":{"type":"object","required":["a"]}}]}`,
			`{"id":"msg","type":"message","role":"assistant","model":"a","content":[{"type":"thinking","thinking":"Let me think."},{"type":"tool_use","id":"call","name":"f","input":{"a":"x"}}],"stop_reason":"tool_use","usage"
`},
		{"/v1/messages", `{"model":"a","max_tokens":2,"stream":true,"thinking":{"type":"disabled"},` + user + `,"tools":[{"name":"f","input_schema":{"type":"object","required":["a"]}}]}`,
			`event: message_start
data: {"type":"message_start","message":{"id":"msg","type":"message","role":"assistant","model":"a","content":[],"usage"

event: content_block_start
data: {"type":"content_block_start","index":0,"content_block":{"type":"tool_use","id":"call","name":"f","input":{}}}

event: content_block_delta
data: {"type":"content_block_delta","index":0,"delta":{"type":"input_json_delta","partial_json":"{\"a\":\"x\"}"}}

event: content_block_stop
data: {"type":"content_block_stop","index":0}

event: message_delta
data: {"type":"message_delta","delta":{"stop_reason":"tool_use"},"usage"

event: message_stop
data: {"type":"message_stop"}

`},
		{"/v1/messages", `{"model":"a","max_tokens":99,"stream":true,` + user + `}`,
			`event: message_start
data: {"type":"message_start","message":{"id":"msg","type":"message","role":"assistant","model":"a","content":[],"usage"

event: content_block_start
data: {"type":"content_block_start","index":0,"content_block":{"type":"thinking","thinking":""}}

event: content_block_delta
data: {"type":"content_block_delta","index":0,"delta":{"type":"thinking_delta","thinking":"Let"}}

event: content_block_delta
data: {"type":"content_block_delta","index":0,"delta":{"type":"thinking_delta","thinking":" me"}}

event: content_block_delta
data: {"type":"content_block_delta","index":0,"delta":{"type":"thinking_delta","thinking":" think"}}

event: content_block_delta
data: {"type":"content_block_delta","index":0,"delta":{"type":"thinking_delta","thinking":"."}}

event: content_block_stop
data: {"type":"content_block_stop","index":0}

event: content_block_start
data: {"type":"content_block_start","index":1,"content_block":{"type":"text","text":""}}

event: content_block_delta
data: {"type":"content_block_delta","index":1,"delta":{"type":"text_delta","text":"hi"}}

event: content_block_stop
data: {"type":"content_block_stop","index":1}

event: message_delta
data: {"type":"message_delta","delta":{"stop_reason":"end_turn"},"usage"

event: message_stop
data: {"type":"message_stop"}

`},
		{"/v1/responses", `{"model":"a","stream":true,"reasoning":{"effort":"none"},"input":"x","tools":[{"type":"function","name":"f","parameters":{"type":"object","required":["a"]}}]}`,
			`event: response.created
data: {"response":{},"sequence_number":0,"type":"response.created"}

event: response.in_progress
data: {"response":{},"sequence_number":1,"type":"response.in_progress"}

event: response.output_item.added
data: {"item":{"arguments":"","call_id":"call","id":"fc","name":"f","status":"in_progress","type":"function_call"},"output_index":0,"sequence_number":2,"type":"response.output_item.added"}

event: response.function_call_arguments.delta
data: {"delta":"{\"a\":\"x\"}","item_id":"fc","output_index":0,"sequence_number":3,"type":"response.function_call_arguments.delta"}

event: response.function_call_arguments.done
data: {"arguments":"{\"a\":\"x\"}","item_id":"fc","output_index":0,"sequence_number":4,"type":"response.function_call_arguments.done"}

event: response.output_item.done
data: {"item":{"arguments":"{\"a\":\"x\"}","call_id":"call","id":"fc","name":"f","status":"completed","type":"function_call"},"output_index":0,"sequence_number":5,"type":"response.output_item.done"}

event: response.completed
data: {"response":{},"sequence_number":6,"type":"response.completed"}

`},
	} {
		bubble(t, Options{Models: []Model{able}}, func(b *box) {
			r := b.ok(b.post(tt.path, tt.body))
			if got := masked(r.text); got != tt.want {
				t.Errorf("%s %s\n got %s\nwant %s", tt.path, tt.body, got, tt.want)
			}
		})
	}
}

// TestResponsesItems reads the items of a stream of /v1/responses that thinks.
func TestResponsesItems(t *testing.T) {
	able := Model{Name: "a", Capabilities: []string{"completion", "thinking"}, Words: []string{"hi"}}
	bubble(t, Options{Models: []Model{able}}, func(b *box) {
		r := b.ok(b.post("/v1/responses", `{"model":"a","stream":true,"input":[{"role":"user","content":[{"type":"input_text","text":"x"}]}]}`))
		var names []string
		for line := range strings.Lines(r.text) {
			if name, ok := strings.CutPrefix(line, "event: response."); ok {
				names = append(names, strings.TrimSpace(name))
			}
		}
		want := "created in_progress output_item.added reasoning_summary_text.delta reasoning_summary_text.delta reasoning_summary_text.delta reasoning_summary_text.delta " +
			"reasoning_summary_text.done output_item.done output_item.added content_part.added output_text.delta output_text.done content_part.done output_item.done completed"
		if got := strings.Join(names, " "); got != want {
			t.Errorf("got %s", got)
		}
		whole := b.ok(b.post("/v1/responses", `{"model":"a","input":"x","instructions":"be brief","max_output_tokens":5}`))
		var answer struct {
			Output []struct{ Type string }
			Usage  struct {
				Input  int `json:"input_tokens"`
				Output int `json:"output_tokens"`
			}
		}
		if err := json.Unmarshal([]byte(whole.text), &answer); err != nil || len(answer.Output) != 2 || answer.Output[0].Type != "reasoning" || answer.Usage.Input != 5 || answer.Usage.Output != 5 {
			t.Errorf("%v: %s", err, whole.text)
		}
	})
}

func TestFormat(t *testing.T) {
	bubble(t, Options{Models: []Model{{Name: "a"}}}, func(b *box) {
		for body, want := range map[string]string{
			generate("a", `,"format":"json"`):                               `"response":"{}"`,
			generate("a", `,"format":{"type":"object","required":["age"]}`): `"response":"{\"age\":\"x\"}"`,
			generate("a", `,"format":""`):                                   `"response":" the quick`,
		} {
			if r := b.ok(b.post("/api/generate", body)); !strings.Contains(r.text, want) {
				t.Errorf("%s: %s", body, r.text)
			}
		}
	})
}

func TestEmbeddings(t *testing.T) {
	bubble(t, Options{Models: []Model{{Name: "e", Capabilities: []string{"embedding"}, Vector: 8, Context: 6}}}, func(b *box) {
		var one, two struct{ Embeddings [][]float32 }
		r := b.ok(b.post("/api/embed", `{"model":"e","input":["x","y","x"]}`))
		if err := json.Unmarshal([]byte(r.text), &one); err != nil || len(one.Embeddings) != 3 || len(one.Embeddings[0]) != 8 {
			t.Fatalf("%v: %s", err, r.text)
		}
		if one.Embeddings[0][0] != one.Embeddings[2][0] || one.Embeddings[0][0] == one.Embeddings[1][0] {
			t.Errorf("not of the text: %s", r.text)
		}
		r = b.ok(b.post("/api/embed", `{"model":"e","input":"x","dimensions":3}`))
		if err := json.Unmarshal([]byte(r.text), &two); err != nil || len(two.Embeddings[0]) != 3 {
			t.Errorf("%v: %s", err, r.text)
		}
		packed := b.ok(b.post("/v1/embeddings", `{"model":"e","input":["x"],"encoding_format":"base64"}`))
		if !regexp.MustCompile(`"embedding":"[A-Za-z0-9+/]{43}="`).MatchString(packed.text) {
			t.Errorf("base64: %s", packed.text)
		}
		if r := b.ok(b.post("/api/embed", `{"model":"e","input":"a b c d e f"}`)); !strings.Contains(r.text, `"prompt_eval_count":6`) {
			t.Errorf("not truncated: %s", r.text)
		}
		if r := b.post("/v1/embeddings", `{"model":"e","input":"x","encoding_format":"hex"}`); r.status != 400 || !strings.Contains(r.text, "Supported values: ['float', 'base64'].") {
			t.Errorf("status %d: %s", r.status, r.text)
		}
	})
}
