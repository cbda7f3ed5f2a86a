// Package ollama is the wire: model names, the few fields of a request that
// gollamas reads, splicing, how an answer ends, error shapes of the three
// dialects, and a small client for lists. It decides nothing and carries nothing.
package ollama
