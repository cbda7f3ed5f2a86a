package ollamatest

import (
	"fmt"
	"math/rand/v2"
	"time"
)

// responsesVoice is the voice of /v1/responses: numbered events about items that are added,
// filled and done. The keys of its events are sorted, those of an answer in one piece are not.
type responsesVoice struct {
	openaiVoice
	req          responsesRequest
	id, item     string
	sequence     int
	index        int // of the output item
	started      bool
	text         string
	texting      bool
	thinking     string
	reasoning    string // the id of the reasoning item
	reasonedDone bool
	calls        []any
}

type fields = map[string]any

func newResponsesVoice(req responsesRequest) *responsesVoice {
	return &responsesVoice{req: req, id: numbered("resp"), item: numbered("msg")}
}

func numbered(prefix string) string { return fmt.Sprintf("%s_%d", prefix, rand.IntN(999999)) } // #nosec G404 -- as Ollama makes them

func (v *responsesVoice) flushes() bool { return true }

// ending: nothing says that the stream has failed.
func (v *responsesVoice) ending(string) [][]byte { return nil }

func (v *responsesVoice) event(name string, f fields) []byte {
	f["type"], f["sequence_number"] = name, v.sequence
	v.sequence++
	return event(name, f)
}

func (v *responsesVoice) lines(r record) [][]byte {
	var list [][]byte
	if !v.started {
		v.started = true
		list = append(list, v.event("response.created", fields{"response": v.response("in_progress", []any{}, nil)}))
		list = append(list, v.event("response.in_progress", fields{"response": v.response("in_progress", []any{}, nil)}))
	}
	if r.thinking != "" {
		list = append(list, v.think(r.thinking)...)
	}
	for _, c := range r.calls {
		list = append(list, v.endThinking()...)
		list = append(list, v.call(c)...)
	}
	if r.text != "" && len(v.calls) == 0 {
		list = append(list, v.endThinking()...)
		list = append(list, v.say(r.text)...)
	}
	if r.done {
		list = append(list, v.endThinking()...)
		list = append(list, v.endText()...)
		list = append(list, v.complete(r))
	}
	return list
}

func (v *responsesVoice) think(text string) [][]byte {
	var list [][]byte
	if v.reasoning == "" {
		v.reasoning = numbered("rs")
		list = append(list, v.added(fields{"id": v.reasoning, "type": "reasoning", "summary": []any{}}))
	}
	v.thinking += text
	return append(list, v.event("response.reasoning_summary_text.delta", fields{
		"item_id": v.reasoning, "output_index": v.index, "summary_index": 0, "delta": text,
	}))
}

func (v *responsesVoice) endThinking() [][]byte {
	if v.reasoning == "" || v.reasonedDone {
		return nil
	}
	v.reasonedDone = true
	list := [][]byte{
		v.event("response.reasoning_summary_text.done", fields{
			"item_id": v.reasoning, "output_index": v.index, "summary_index": 0, "text": v.thinking,
		}),
		v.event("response.output_item.done", fields{"output_index": v.index, "item": v.reasoningItem()}),
	}
	v.index++
	return list
}

func (v *responsesVoice) reasoningItem() fields {
	return fields{
		"id": v.reasoning, "type": "reasoning", "encrypted_content": v.thinking,
		"summary": []fields{{"type": "summary_text", "text": v.thinking}},
	}
}

func (v *responsesVoice) call(c toolCall) [][]byte {
	at, args := v.index+c.Function.Index, string(c.Function.Arguments)
	id := fmt.Sprintf("fc_%d_%d", rand.IntN(999999), len(v.calls)) // #nosec G404 -- as Ollama makes them
	item := func(status, args string) fields {
		return fields{"id": id, "type": "function_call", "status": status, "call_id": c.ID, "name": c.Function.Name, "arguments": args}
	}
	v.calls = append(v.calls, item("completed", args))
	return [][]byte{
		v.event("response.output_item.added", fields{"output_index": at, "item": item("in_progress", "")}),
		v.event("response.function_call_arguments.delta", fields{"item_id": id, "output_index": at, "delta": args}),
		v.event("response.function_call_arguments.done", fields{"item_id": id, "output_index": at, "arguments": args}),
		v.event("response.output_item.done", fields{"output_index": at, "item": item("completed", args)}),
	}
}

func (v *responsesVoice) added(item fields) []byte {
	return v.event("response.output_item.added", fields{"output_index": v.index, "item": item})
}

func (v *responsesVoice) say(text string) [][]byte {
	var list [][]byte
	if !v.texting {
		v.texting = true
		list = append(list, v.added(fields{"id": v.item, "type": "message", "status": "in_progress", "role": "assistant", "content": []any{}}))
		list = append(list, v.event("response.content_part.added", fields{
			"item_id": v.item, "output_index": v.index, "content_index": 0, "part": outputText(""),
		}))
	}
	v.text += text
	return append(list, v.event("response.output_text.delta", fields{
		"item_id": v.item, "output_index": v.index, "content_index": 0, "delta": text, "logprobs": []any{},
	}))
}

func outputText(s string) fields {
	return fields{"type": "output_text", "text": s, "annotations": []any{}, "logprobs": []any{}}
}

func (v *responsesVoice) messageItem() fields {
	return fields{"id": v.item, "type": "message", "status": "completed", "role": "assistant", "content": []fields{outputText(v.text)}}
}

func (v *responsesVoice) endText() [][]byte {
	if !v.texting || len(v.calls) > 0 {
		return nil
	}
	return [][]byte{
		v.event("response.output_text.done", fields{
			"item_id": v.item, "output_index": v.index, "content_index": 0, "text": v.text, "logprobs": []any{},
		}),
		v.event("response.content_part.done", fields{
			"item_id": v.item, "output_index": v.index, "content_index": 0, "part": outputText(v.text),
		}),
		v.event("response.output_item.done", fields{"output_index": v.index, "item": v.messageItem()}),
	}
}

func (v *responsesVoice) complete(r record) []byte {
	var output []any // null when nothing was said
	if v.reasoning != "" {
		output = append(output, v.reasoningItem())
	}
	if output = append(output, v.calls...); len(v.calls) == 0 && v.texting {
		output = append(output, v.messageItem())
	}
	response := v.response("completed", output, fields{
		"input_tokens": r.PromptEvalCount, "output_tokens": r.EvalCount, "total_tokens": r.PromptEvalCount + r.EvalCount,
		"input_tokens_details":  fields{"cached_tokens": 0},
		"output_tokens_details": fields{"reasoning_tokens": 0},
	})
	response["completed_at"] = time.Now().Unix()
	return v.event("response.completed", fields{"response": response})
}
