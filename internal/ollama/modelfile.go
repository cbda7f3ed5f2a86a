package ollama

import (
	"encoding/json"
	"slices"
	"strings"
)

// WithoutPaths is an answer of /api/show whose Modelfile names the model where it named files on the server's disk: who has
// a model made of it, on whichever server, means the model. An answer without a Modelfile stays as it is.
func WithoutPaths(answer []byte, model string) []byte {
	var edits []Splice
	i := skipSpace(answer, 0)
	if i == len(answer) || answer[i] != '{' {
		return answer
	}
	err := eachMember(answer, i, func(m member) error {
		key, _ := keyOf(answer, m)
		var text string
		if string(key) == "modelfile" && json.Unmarshal(answer[m.val.from:m.val.to], &text) == nil {
			edits = append(edits, Splice{m.val.from, m.val.to, Quoted(fromModel(text, model))})
		}
		return nil
	})
	if err != nil {
		return answer
	}
	return slices.Concat(Segments(answer, edits)...)
}

// fromModel is a Modelfile made from the model itself. What it is made of stands first: its weights, adapters and
// projectors, of which the model has all (Model.String in server/images.go).
func fromModel(text, model string) string {
	var out strings.Builder
	said := false
	for rest := text; rest != ""; {
		line, after, _ := strings.Cut(rest, "\n")
		command, of, _ := strings.Cut(line, " ")
		switch {
		case strings.TrimSpace(line) == "" || strings.HasPrefix(line, "#"):
			out.WriteString(line + "\n")
		case !isPart(command):
			out.WriteString(rest)
			return out.String()
		case !isPath(of):
			said = said || command == "FROM"
			out.WriteString(line + "\n")
		case command == "FROM" && !said:
			said = true
			out.WriteString("FROM " + model + "\n")
		}
		rest = after
	}
	return out.String()
}

func isPart(command string) bool {
	return command == "FROM" || command == "ADAPTER" || command == "DRAFT"
}

// isPath says whether s is the place of a file, on whatever system: /var/lib/…, C:\…, \\box\….
func isPath(s string) bool {
	s = strings.TrimLeft(s, `"`)
	return strings.HasPrefix(s, "/") || strings.HasPrefix(s, `\\`) || len(s) > 2 && s[1] == ':' && (s[2] == '\\' || s[2] == '/')
}
