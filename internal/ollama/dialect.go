package ollama

// A Dialect is one of the three languages Ollama speaks.
type Dialect uint8

// The dialects.
const (
	Native Dialect = iota
	OpenAI
	Anthropic
)

func (d Dialect) String() string {
	return [...]string{"ollama", "openai", "anthropic"}[d]
}
