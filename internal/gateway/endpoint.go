// Package gateway is the HTTP surface: every URL of Ollama's has an answer
// here. What to do with a request is decided from plain values; only
// serve.go and body.go know net/http's requests.
package gateway

import (
	"gollamas/internal/ollama"
)

// A Kind is what is done with an endpoint's requests.
type Kind uint8

// The kinds.
const (
	Forward Kind = iota // one model, one server
	Merge               // every server's last known answer, as one
	Local               // gollamas answers
	Refuse              // gollamas says why not
	Change              // several servers are changed, and gollamas answers for all
)

// An Endpoint is a URL of Ollama's and what gollamas does with it.
type Endpoint struct {
	Method  string
	Path    string // a last segment in braces takes any value
	Kind    Kind
	Dialect ollama.Dialect

	// Of the kinds Forward and Change.
	Request string  // the type Ollama reads the body into: encoding/json names it in errors
	Missing missing // how Ollama says that it has not got the model
	Empty   empty   // and that no model was named
	ByName  bool    // "name" counts where "model" is empty
	Exact   bool    // the server takes the model's name in its own case only
	Form    bool    // the body is multipart
	Zstd    bool    // the body may be compressed
	Open    bool    // it needs no key
	Manage  bool    // only who may manage may ask
	Named   bool    // who may manage may name the server
	Bad     string  // how Ollama refuses a bad name, "" = as everywhere
	Changes bool    // the request changes the server
	Works   bool    // the model has to work for it: it takes a place, and loads the model
	Unloads bool    // it may be a wish to have the model leave memory, which is no work
	Vectors bool    // its answer can be compared only with those of the very same model
	Cloud   string  // what is unavailable of a cloud model
	check   check   // what Ollama looks at before the model

	// Of the kinds Merge and Local.
	answer func(*Gateway, Ask) Answer

	// Of the kind Change.
	Raw    bool // the body is no JSON object, and is not read before it is known where it goes
	change func(*Gateway, Ask) Decision

	Why string // it is refused: always, of the kind Refuse, or else to who may not manage; "" = as all of these are
}

// A missing is one of Ollama's ways to say that it has not got a model.
type missing uint8

const (
	missingSingle missing = iota // model 'x' not found
	missingPull                  // model "x" not found, try pulling it first
	missingNormal                // model 'x:latest' not found, since v0.30; before, as missingSingle
)

// An empty is one of Ollama's ways to say that no model was named.
type empty uint8

const (
	emptyRequired empty = iota // 400 model is required
	emptyMissing               // 404 model '' not found
	emptyInvalid               // 400 invalid model name
)

// Why these are refused, and what to do instead.
const (
	whyPush    = "%s says whose ollama.com account a server uses, which is asked before a push: start gollamas with --manage (GOLLAMAS_MANAGE, manage: true) to allow it"
	whyAccount = "%s acts as one server's own ollama.com account, so gollamas refuses it: send it to that server directly"
	whyCloud   = "%s is about models of ollama.com, which gollamas does not serve: send it to a server directly"
)

// endpoints is the whole surface: routes.go:1876 and after, of Ollama v0.33.
var endpoints = []Endpoint{
	{Method: "HEAD", Path: "/", Open: true, Kind: Local, answer: running},
	{Method: "GET", Path: "/", Open: true, Kind: Local, answer: running},
	{Method: "HEAD", Path: "/api/version", Open: true, Kind: Merge, answer: version},
	{Method: "GET", Path: "/api/version", Open: true, Kind: Merge, answer: version},
	{Method: "GET", Path: "/api/status", Kind: Local, answer: status},
	{Method: "HEAD", Path: "/api/tags", Named: true, Kind: Merge, answer: tags},
	{Method: "GET", Path: "/api/tags", Named: true, Kind: Merge, answer: tags},
	{Method: "GET", Path: "/api/ps", Named: true, Kind: Merge, answer: ps},
	{Method: "GET", Path: "/v1/models", Kind: Merge, Dialect: ollama.OpenAI, answer: models},
	{Method: "GET", Path: "/v1/models/{model}", Kind: Merge, Dialect: ollama.OpenAI, answer: model},

	{Method: "POST", Path: "/api/generate", Request: "api.GenerateRequest", Works: true, Unloads: true, Empty: emptyMissing},
	{Method: "POST", Path: "/api/chat", Request: "api.ChatRequest", Works: true, Unloads: true},
	{Method: "POST", Path: "/api/embed", Request: "api.EmbedRequest", Works: true, Vectors: true, Missing: missingPull, Empty: emptyMissing},
	{Method: "POST", Path: "/api/embeddings", Request: "api.EmbeddingRequest", Works: true, Vectors: true, Missing: missingPull, Exact: true},
	{Method: "POST", Path: "/api/show", Named: true, Request: "api.ShowRequest", Missing: missingNormal, ByName: true, Cloud: "remote model details are unavailable"},
	{Method: "POST", Path: "/api/pull", Named: true, Request: "api.PullRequest", Empty: emptyInvalid, ByName: true, Kind: Change, change: (*Gateway).pull},

	{Method: "POST", Path: "/v1/chat/completions", Dialect: ollama.OpenAI, Request: "openai.ChatCompletionRequest", Works: true, Zstd: true, check: hasMessages},
	{Method: "POST", Path: "/v1/completions", Dialect: ollama.OpenAI, Request: "openai.CompletionRequest", Works: true, Zstd: true, Empty: emptyMissing},
	{Method: "POST", Path: "/v1/embeddings", Dialect: ollama.OpenAI, Request: "openai.EmbedRequest", Works: true, Vectors: true, Zstd: true, Missing: missingPull, Empty: emptyMissing, check: hasInput},
	{Method: "POST", Path: "/v1/responses", Dialect: ollama.OpenAI, Request: "openai.ResponsesRequest", Works: true, Zstd: true},
	{Method: "POST", Path: "/v1/messages", Dialect: ollama.Anthropic, Request: "anthropic.MessagesRequest", Works: true, Zstd: true, check: hasTurn},
	{Method: "POST", Path: "/v1/audio/transcriptions", Dialect: ollama.OpenAI, Works: true, Form: true},

	{Method: "POST", Path: "/api/create", Named: true, Kind: Change, Request: "api.CreateRequest", Manage: true, Empty: emptyInvalid, ByName: true, change: (*Gateway).create},
	{Method: "POST", Path: "/api/copy", Named: true, Kind: Change, Request: "api.CopyRequest", Manage: true, change: (*Gateway).copy},
	{Method: "DELETE", Path: "/api/delete", Named: true, Kind: Change, Request: "api.DeleteRequest", Manage: true, ByName: true, Bad: "name %q is invalid", change: (*Gateway).delete},
	{Method: "POST", Path: "/api/push", Named: true, Request: "api.PushRequest", Manage: true, ByName: true, Changes: true},
	{Method: "HEAD", Path: "/api/blobs/{digest}", Named: true, Kind: Change, Manage: true, Raw: true, change: (*Gateway).hasBlob},
	{Method: "POST", Path: "/api/blobs/{digest}", Named: true, Kind: Change, Manage: true, Raw: true, change: (*Gateway).takeBlob},
	{Method: "POST", Path: "/api/me", Named: true, Kind: Change, Manage: true, Raw: true, Why: whyPush, change: (*Gateway).me},
	{Method: "POST", Path: "/api/signout", Kind: Refuse, Why: whyAccount},
	{Method: "DELETE", Path: "/api/user/keys/{key}", Kind: Refuse, Why: whyAccount},
	{Method: "POST", Path: "/api/experimental/web_search", Kind: Refuse, Why: whyAccount},
	{Method: "POST", Path: "/api/experimental/web_fetch", Kind: Refuse, Why: whyAccount},
	{Method: "GET", Path: "/api/experimental/model-recommendations", Kind: Refuse, Why: whyCloud},
}
