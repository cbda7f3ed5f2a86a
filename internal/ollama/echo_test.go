package ollama

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"
)

func echoed(f Framing, text string, step int) string {
	e := NewEcho(f, "target:7b", "alias")
	var out []byte
	for p := []byte(text); len(p) > 0; {
		n := min(step, len(p))
		out = e.Append(out, p[:n])
		p = p[n:]
	}
	return string(append(out, e.Rest()...))
}

func TestEveryRecordSaysTheNameTheClientUsed(t *testing.T) {
	for _, c := range []struct {
		framing    Framing
		in, wanted string
	}{
		{NDJSON, `{"model":"target:7b","done":false}` + "\n" + `{"model":"target:7b","done":true}` + "\n", `{"model":"alias","done":false}` + "\n" + `{"model":"alias","done":true}` + "\n"},
		{JSON, `{ "x":[{"model":"target:7b"}], "model" : "target:7b" }`, `{ "x":[{"model":"target:7b"}], "model" : "alias" }`},
		{JSON, `{"message":{"tool_calls":[{"arguments":{"model":"target:7b"}}],"model":"target:7b"},"y":{"model":"target:7b"}}`, `{"message":{"tool_calls":[{"arguments":{"model":"target:7b"}}],"model":"alias"},"y":{"model":"target:7b"}}`},
		{JSON, `{"model":"other","m\"":"\\","model":"target:7b"}`, `{"model":"other","m\"":"\\","model":"alias"}`},
		{JSON, `{"text":"\"model\":\"target:7b\"","model":["target:7b"]}`, `{"text":"\"model\":\"target:7b\"","model":["target:7b"]}`},
		{SSE, "data: {\"choices\":[{\"text\":\"model\"}],\"model\":\"target:7b\"}\n\ndata: [DONE]\n\n", "data: {\"choices\":[{\"text\":\"model\"}],\"model\":\"alias\"}\n\ndata: [DONE]\n\n"},
		{SSE, "event: message_start\ndata: {\"type\":\"message_start\",\"message\":{\"model\":\"target:7b\"}}\n\n", "event: message_start\ndata: {\"type\":\"message_start\",\"message\":{\"model\":\"alias\"}}\n\n"},
		{SSE, "data: {\"response\":{\"metadata\":{\"model\":\"target:7b\"},\"model\":\"target:7b\"}}\n\n", "data: {\"response\":{\"metadata\":{\"model\":\"target:7b\"},\"model\":\"alias\"}}\n\n"},
		{SSE, ": comment {\"model\":\"target:7b\"}\ndata:{\"model\":\"target:7b\"}\n", ": comment {\"model\":\"target:7b\"}\ndata:{\"model\":\"alias\"}\n"},
		{JSON, `{"model":"target:7`, `{"model":"target:7`},
		{JSON, `{"` + strings.Repeat("k", 3000) + `model":"target:7b","model":"` + strings.Repeat("v", 3000) + `","model":"target:7b"}`,
			`{"` + strings.Repeat("k", 3000) + `model":"target:7b","model":"` + strings.Repeat("v", 3000) + `","model":"alias"}`},
	} {
		for _, step := range []int{1, 2, 5, 17, 1 << 20} {
			if got := echoed(c.framing, c.in, step); got != c.wanted {
				t.Errorf("%d bytes at a time\n  in %s\n got %s\nwant %s", step, c.in, got, c.wanted)
			}
		}
	}
}

func FuzzEcho(f *testing.F) {
	f.Add([]byte(`{"model":"target:7b","x":{"model":"target:7b"}}`), uint8(3))
	f.Add([]byte(`{"response":{"model":"target:7b"},"message":{"model":"target:7b"}}`), uint8(1))
	f.Add([]byte(`[{"model":"target:7b"}]`), uint8(1))
	f.Fuzz(func(t *testing.T, text []byte, step uint8) {
		whole := echoed(JSON, string(text), len(text)+1)
		if pieces := echoed(JSON, string(text), int(step)+1); pieces != whole {
			t.Fatalf("%q: in pieces %q, whole %q", text, pieces, whole)
		}
		var before, after any
		if json.Unmarshal(text, &before) != nil || !bytes.HasPrefix(bytes.TrimLeft(text, " \n\t\r"), []byte("{")) {
			return
		}
		if err := json.Unmarshal([]byte(whole), &after); err != nil {
			t.Fatalf("%q became %q: %v", text, whole, err)
		}
		if !strings.Contains(string(text), `"target:7b"`) && whole != string(text) {
			t.Fatalf("%q became %q", text, whole)
		}
		want := renamed(before.(map[string]any), 1)
		if a, b := mustJSON(want), mustJSON(after); a != b && !strings.Contains(string(text), `\`) {
			t.Fatalf("%q became %q, judge says %s", text, whole, a)
		}
	})
}

// renamed is what the judge, who decodes, would have.
func renamed(o map[string]any, depth int) map[string]any {
	if o["model"] == "target:7b" {
		o["model"] = "alias"
	}
	for _, k := range []string{"response", "message"} {
		if in, ok := o[k].(map[string]any); ok && depth == 1 {
			renamed(in, 2)
		}
	}
	return o
}

func mustJSON(v any) string {
	b, err := json.Marshal(v)
	if err != nil {
		panic(err)
	}
	return string(b)
}
