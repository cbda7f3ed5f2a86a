// Package e2e drives gollamas as its users do: with the client libraries they have, in front of
// pretend Ollama servers always, and of real ones where there is an ollama binary:
//
//	go test ./...                                  # with real servers too if ollama is on PATH
//	GOLLAMAS_E2E_OLLAMA=/path/to/ollama go test ./...
//	go test -run '^$' -bench .                     # how fast the model of a request is found
//
// The tests start every server themselves, each with a home and models of its own, and end it;
// nothing they do leads beyond this machine.
package e2e
