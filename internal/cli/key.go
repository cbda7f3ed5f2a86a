package cli

import (
	"errors"
	"fmt"

	"gollamas/internal/config"
	"gollamas/internal/keys"
)

// key makes a new one. Nothing is stored: who runs it puts the line where it belongs.
func (t terminal) key(args []string) error {
	if len(args) == 0 || args[0] != "new" || len(args) > 2 {
		return usageError{errors.New("write it gollamas key new [NAME]")}
	}
	name := "somebody"
	if len(args) == 2 {
		if name = args[1]; config.KeyName(name) != nil {
			return usageError{config.KeyName(name)}
		}
	}
	secret, hash := keys.Make()
	_, err := fmt.Fprintf(t.out, `key   %s
hash  %s

The key is for whoever asks: "Authorization: Bearer KEY", OPENAI_API_KEY, ANTHROPIC_API_KEY.
gollamas needs its hash only. In the settings, under keys or in the file that keys_file names:

  - {name: %q, key: %q}
`, secret, hash, name, hash)
	return err
}
