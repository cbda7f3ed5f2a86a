package gateway

import (
	"cmp"
	"encoding/json"
	"net/http"
	"slices"
	"strings"

	"gollamas/internal/fleet"
	"gollamas/internal/ollama"
	"gollamas/internal/route"
)

// merged is every model that a route leads to and a server lists, each once:
// the entry of the first server of its route that has it. list picks the servers' list.
func (g *Gateway) merged(list func(*fleet.State) []fleet.Model) []fleet.Model {
	type place struct{ at, rank int }
	places := map[string]place{}
	var best []fleet.Model
	for _, s := range g.table.Servers() {
		for _, m := range list(s.State()) {
			match, ok := g.table.Lookup(m.Name)
			if !ok || match.Send != "" || m.RemoteHost != "" {
				continue
			}
			rank := slices.Index(match.Servers, s)
			had, again := places[m.Key]
			switch {
			case rank < 0:
			case !again:
				places[m.Key] = place{len(best), rank}
				best = append(best, m)
			case rank < had.rank:
				places[m.Key] = place{had.at, rank}
				best[had.at] = m
			}
		}
	}
	var out []fleet.Model
	for _, m := range best {
		out = append(out, m)
		out = append(out, g.aliased(m)...)
	}
	return out
}

// aliased is m again under each of its aliases, where those are listed.
func (g *Gateway) aliased(m fleet.Model) []fleet.Model {
	if !g.listAliases {
		return nil
	}
	var out []fleet.Model
	for _, name := range g.table.AliasesOf(m.Key) {
		again := m
		again.Listed.Name = name
		again.Raw = renamedEntry(m.Raw, name)
		again.Name, _ = ollama.ParseName(name) // the table took it, so it is one
		out = append(out, again)
	}
	return out
}

// renamedEntry is a list's entry under another name, all else as the server wrote it.
func renamedEntry(raw []byte, name string) []byte {
	o, err := ollama.ReadObject(raw)
	if err != nil {
		return raw
	}
	edits := append(o.Replace(ollama.FieldName, name), o.Replace(ollama.FieldModel, name)...)
	return slices.Concat(ollama.Segments(raw, edits)...)
}

// installed is the merged /api/tags, newest first. Ollama compares whole
// seconds, and so does this: a server's own order of equals stands.
func (g *Gateway) installed() []fleet.Model {
	all := g.merged(func(s *fleet.State) []fleet.Model { return s.Installed })
	slices.SortStableFunc(all, func(a, b fleet.Model) int { return cmp.Compare(b.ModifiedAt.Unix(), a.ModifiedAt.Unix()) })
	return all
}

// loaded is the merged /api/ps, longest to live first.
func (g *Gateway) loaded() []fleet.Model {
	all := g.merged(func(s *fleet.State) []fleet.Model { return s.Loaded })
	slices.SortStableFunc(all, func(a, b fleet.Model) int { return cmp.Compare(b.ExpiresAt.Unix(), a.ExpiresAt.Unix()) })
	return all
}

func tags(g *Gateway, _ Ask) Answer { return listAnswer(g.installed()) }

func ps(g *Gateway, _ Ask) Answer { return listAnswer(g.loaded()) }

func listAnswer(all []fleet.Model) Answer {
	body := []byte(`{"models":[`)
	for i, m := range all {
		if i > 0 {
			body = append(body, ',')
		}
		body = append(body, m.Raw...)
	}
	return answer(http.StatusOK, typeJSON, append(body, ']', '}'))
}

// An openAIModel is a model as /v1/models shows it.
type openAIModel struct {
	ID      string `json:"id"`
	Object  string `json:"object"`
	Created int64  `json:"created"`
	OwnedBy string `json:"owned_by"`
}

func showOpenAI(m fleet.Model, id string) openAIModel {
	return openAIModel{id, "model", m.ModifiedAt.Unix(), m.Name.Namespace}
}

func models(g *Gateway, _ Ask) Answer {
	list := struct {
		Object string        `json:"object"`
		Data   []openAIModel `json:"data"` // null where there is none, as Ollama has it
	}{Object: "list"}
	for _, m := range g.installed() {
		list.Data = append(list.Data, showOpenAI(m, m.Listed.Name))
	}
	return withNewline(jsonAnswer(typeBareJSON, list))
}

// model answers for one model, under the name it was asked by.
func model(g *Gateway, ask Ask) Answer {
	asked := ask.Segment
	if n, err := ollama.ParseName(asked); err == nil && !n.Cloud {
		if match, ok := g.table.Lookup(n); ok {
			if m := firstWith(match); m != nil {
				return withNewline(jsonAnswer(typeBareJSON, showOpenAI(*m, asked)))
			}
		}
	}
	if strings.Contains(asked, "/") {
		return notFound()
	}
	name := asked
	if g.atLeast("0.30.0") {
		name = ollama.Normal(asked)
	}
	return handlerRefusal(ollama.OpenAI, http.StatusNotFound, "model '"+name+"' not found")
}

func firstWith(m route.Match) *fleet.Model {
	for _, s := range m.Servers {
		if have := s.State().Has(m.Key); have != nil && have.RemoteHost == "" {
			return have
		}
	}
	return nil
}

// withNewline ends a body as json.Encoder does, which Ollama's /v1 writers use.
func withNewline(a Answer) Answer {
	a.Body = append(a.Body, '\n')
	return a
}

// lowest is the lowest version of any server, of those that are up if any is:
// what every server can do. "" = none has answered yet.
func (g *Gateway) lowest() string {
	low, lowDown := "", ""
	for _, s := range g.table.Servers() {
		state := s.State()
		to := &low
		if !state.Up {
			to = &lowDown
		}
		if v := state.Version; v != "" && (*to == "" || ollama.CompareVersions(v, *to) < 0) {
			*to = v
		}
	}
	if low == "" {
		return lowDown
	}
	return low
}

func (g *Gateway) atLeast(version string) bool {
	v := g.lowest()
	return v != "" && ollama.CompareVersions(v, version) >= 0
}

func version(g *Gateway, _ Ask) Answer {
	v := g.lowest()
	if v == "" {
		return refusal(ollama.Native, http.StatusServiceUnavailable, "no server has answered yet, so there is no version to name")
	}
	return jsonAnswer(typeJSON, struct {
		Version string `json:"version"`
	}{v})
}

func running(*Gateway, Ask) Answer {
	return answer(http.StatusOK, "text/plain; charset=utf-8", []byte("Ollama is running"))
}

// status says what Ollama says where its cloud is turned off.
func status(*Gateway, Ask) Answer {
	return answer(http.StatusOK, typeJSON, json.RawMessage(`{"cloud":{"disabled":true,"source":"config"}}`))
}
