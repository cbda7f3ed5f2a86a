package gateway

import (
	"net/http"
	"strings"

	"gollamas/internal/fleet"
	"gollamas/internal/ollama"
	"gollamas/internal/route"
)

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

func models(g *Gateway, ask Ask) Answer {
	list := struct {
		Object string        `json:"object"`
		Data   []openAIModel `json:"data"` // null where there is none, as Ollama has it
	}{Object: "list"}
	for _, m := range g.installed(ask) {
		list.Data = append(list.Data, showOpenAI(m, m.Listed.Name))
	}
	return withNewline(jsonAnswer(typeBareJSON, list))
}

// model answers for one model, under the name it was asked by.
func model(g *Gateway, ask Ask) Answer {
	asked := ask.Segment
	if n, err := ollama.ParseName(asked); err == nil {
		if match, ok := g.table.Lookup(n); ok && ask.sees(n, match) {
			if m := g.firstWith(ask, n, match); m != nil {
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

// firstWith is the model as the first server has it that does.
func (g *Gateway) firstWith(ask Ask, asked ollama.Name, m route.Match) *fleet.Model {
	members, remote := m.Members()
	if remote && g.leaves(ask) {
		members = append(members[:len(members):len(members)], stubs(m)...)
	}
	if asked.Cloud {
		found, no := g.away(ask, ask.Segment, m, true)
		if no != nil {
			return nil
		}
		members, m = found.members, found.Match
	}
	for _, at := range members {
		if have := at.Server.State().Has(m.Key); have != nil && (have.RemoteHost == "" || g.leaves(ask)) {
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
