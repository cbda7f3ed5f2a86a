// Gollamas is one address for every Ollama server you own.
package main

import (
	"os"

	"gollamas/internal/cli"
)

func main() { os.Exit(cli.Main(os.Args[1:])) }
