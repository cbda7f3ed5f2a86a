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
	members, _ := m.Members()
	for _, at := range members {
		if have := at.Server.State().Has(m.Key); have != nil && have.RemoteHost == "" {
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
