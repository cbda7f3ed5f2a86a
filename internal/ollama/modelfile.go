package ollama

import (
	"bytes"
	"encoding/json"
	"regexp"
	"slices"
	"strings"
)

// WithoutPaths is an answer of /api/show whose Modelfile names the model where it named files on the server's disk: who has
// a model made of it, on whichever server, means the model. An answer without a Modelfile stays as it is.
//
// So it is with what hidden says is not to be named; nil = everything may be.
func WithoutPaths(answer []byte, model string, hidden func(of string) bool) []byte {
	var edits []Splice
	i := skipSpace(answer, 0)
	if i == len(answer) || answer[i] != '{' {
		return answer
	}
	err := eachMember(answer, i, func(m member) error {
		key, _ := keyOf(answer, m)
		var text string
		if string(key) == "modelfile" && json.Unmarshal(answer[m.val.from:m.val.to], &text) == nil {
			edits = append(edits, Splice{m.val.from, m.val.to, Quoted(fromModel(text, model, hidden))})
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
func fromModel(text, model string, hidden func(of string) bool) string {
	var out strings.Builder
	said := false
	for rest := text; rest != ""; {
		line, after, _ := strings.Cut(rest, "\n")
		command, of, _ := strings.Cut(line, " ")
		switch {
		case strings.TrimSpace(line) == "" || strings.HasPrefix(line, "#"):
			if _, of, commented := strings.Cut(line, "# FROM "); !commented || hidden == nil || !hidden(of) {
				out.WriteString(line + "\n")
			} else {
				out.WriteString("# FROM " + model + "\n")
			}
		case !isPart(command):
			out.WriteString(rest)
			return out.String()
		case !isPath(of) && (hidden == nil || !hidden(of)):
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

// parents is what a model was made of, as lists and /api/show name it.
var parents = regexp.MustCompile(`"parent_model"\s*:\s*"(?:[^"\\]|\\.)*"`)

// WithoutParent is an answer that does not say what its models were made of.
func WithoutParent(answer []byte) []byte {
	return parents.ReplaceAll(answer, []byte(`"parent_model":""`))
}

// Renamed is an error's text that names a model as somebody has asked for it.
func Renamed(text []byte, model Name, asked string) []byte {
	for _, name := range []string{model.Full(), model.Short()} {
		for _, quote := range []string{"'", `\"`, `"`} {
			text = bytes.ReplaceAll(text, []byte(quote+name+quote), []byte(quote+asked+quote))
		}
	}
	return text
}
