package e2e

import (
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// masks put a word in the place of what is another at each asking, or meant to be.
var masks = []struct {
	what *regexp.Regexp
	with string
}{
	{regexp.MustCompile(`(# FROM (\S+?)\\n\\n)FROM /[^\\]+\\n`), `${1}FROM ${2}\n`}, // gollamas shows no path of a server's disk
	{regexp.MustCompile(`"(created_at|modified_at|expires_at)":"[^"]+"`), `"$1":"<time>"`},
	{regexp.MustCompile(`"(created|created_at|completed_at)":\d+`), `"$1":<time>`},
	{regexp.MustCompile(`"((?:[a-z]+_)+duration)":\d+`), `"$1":<duration>`},
	{regexp.MustCompile(`:"(chatcmpl-|cmpl-|resp_|msg_|req_|fc_|call_)[0-9a-z_]+"`), `:"$1<id>"`},
}

func (a rawAnswer) masked() rawAnswer {
	records := make([]string, len(a.records))
	for i, r := range a.records {
		for _, m := range masks {
			r = m.what.ReplaceAllString(r, m.with)
		}
		records[i] = sorted(r)
	}
	a.records = records
	return a
}

// sorted is a list of models in the order of their names: models of one second come in any order from Ollama.
func sorted(record string) string {
	var list struct{ Models, Data []json.RawMessage }
	if !strings.HasPrefix(record, `{"models":[`) && !strings.HasPrefix(record, `{"object":"list","data":[{"id"`) {
		return record
	}
	masked := strings.NewReplacer(":<time>", ":0").Replace(record) // to be JSON again
	if json.Unmarshal([]byte(masked), &list) != nil {
		return record
	}
	all := slices.Concat(list.Models, list.Data)
	slices.SortFunc(all, func(a, b json.RawMessage) int { return strings.Compare(string(a), string(b)) })
	return fmt.Sprintf("%s", all)
}

func toText(v any) string {
	if s, ok := v.(string); ok {
		return s
	}
	return fmt.Sprint(v)
}
