package e2e

import (
	"context"
	"slices"
	"strings"
	"testing"
)

// A speaker asks a model through one endpoint with the library that people use for it.
type speaker struct {
	name string
	path string
	deaf bool // the library does not tell of a connection that breaks: it takes that for the end
	// talk tells heard of every record: the model it names, "" if it names none, and what it adds to the text.
	talk func(ctx context.Context, url string, q question, heard func(model, text string)) error
}

// A question is what a speaker asks.
type question struct {
	model  string
	stream bool
	image  []byte
}

// speakers are every library and every endpoint that talks.
var speakers = slices.Concat(ollamaSpeakers, openaiSpeakers, anthropicSpeakers)

// onEachSpeaker runs a test for every library and endpoint, one after the other.
func onEachSpeaker(t *testing.T, test func(t *testing.T, s speaker)) { onSpeakers(t, speakers, test) }

func onSpeakers(t *testing.T, list []speaker, test func(t *testing.T, s speaker)) {
	for _, s := range list {
		t.Run(s.name, func(t *testing.T) { test(t, s) })
	}
}

// An answer is all that was heard.
type answer struct {
	text    string
	models  []string // named by records, in order
	records int
}

func (s speaker) ask(ctx context.Context, url string, q question) (answer, error) {
	var a answer
	var text strings.Builder
	err := s.talk(ctx, url, q, func(model, more string) {
		a.records++
		text.WriteString(more)
		if model != "" {
			a.models = append(a.models, model)
		}
	})
	a.text = text.String()
	return a, err
}

// asked is the answer to a question that must have one.
func (s speaker) asked(t *testing.T, url string, q question) answer {
	t.Helper()
	a, err := s.ask(limited(t), url, q)
	if err != nil {
		t.Fatalf("%s of %s: %v", s.name, q.model, err)
	}
	return a
}
