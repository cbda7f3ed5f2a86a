// Package keys knows who may ask: each key's name, which models it may use and see, and how much it may take.
package keys

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"strings"
)

// A Key is what the operator says of one. It is plain data, and does not hold the secret.
type Key struct {
	Name      string            // stands in the log and in metrics
	Hash      [sha256.Size]byte // of the secret
	Short     bool              // the secret is so short that it could be guessed
	Models    []string          // names and patterns it may use and see; none = every model
	Manage    Word              // whether it may change servers
	Cloud     Word              // whether its requests may leave for ollama.com, or where a stub leads
	PerMinute int               // requests; 0 = no limit
	PerDay    int64             // tokens of prompts and answers; 0 = no limit
	Parallel  int               // requests at once; 0 = no limit
}

// A Word is yes, no, or nothing said.
type Word uint8

// The words.
const (
	Unsaid Word = iota
	Yes
	No
)

// Say is b as a word.
func Say(b bool) Word {
	if b {
		return Yes
	}
	return No
}

// Or is the word, or what is true where nothing was said.
func (w Word) Or(otherwise bool) bool {
	if w == Unsaid {
		return otherwise
	}
	return w == Yes
}

// hashed stands in front of a secret's hash where the secret itself could stand.
const hashed = "sha256:"

// guessable is how many characters a secret has at least that nobody guesses.
const guessable = 16

// Errors of Read. They name no part of the secret.
var (
	ErrEmpty = errors.New("the key is empty: gollamas key new prints one")
	ErrHash  = errors.New("a hash is sha256: and 64 hexadecimal digits: gollamas key new prints one")
	ErrEvery = errors.New("it would be every model of every host: what Ollama leaves out of names is left out of patterns; write *, or name/*")
	ErrWords = errors.New("a key has no blanks and nothing but ASCII in it, for it stands in a header")
)

// Read takes a secret as an operator writes it, or its hash, into the key.
func (k *Key) Read(secret string) error {
	if digits, ok := strings.CutPrefix(secret, hashed); ok {
		sum, err := hex.DecodeString(digits)
		if err != nil || len(sum) != len(k.Hash) {
			return ErrHash
		}
		k.Hash = [sha256.Size]byte(sum)
		return nil
	}
	if strings.Trim(secret, "=") == "" {
		return ErrEmpty
	}
	if almost := strings.TrimLeft(strings.ToLower(secret), "$"); strings.HasPrefix(almost, "sha256") && len(almost) >= 64 {
		return ErrHash
	}
	if strings.ContainsFunc(secret, func(c rune) bool { return c <= ' ' || c >= 0x7f }) {
		return ErrWords
	}
	k.Hash, k.Short = sha256.Sum256([]byte(secret)), len(secret) < guessable
	return nil
}

// Make returns a new secret, of more than 128 random bits, and its hash as settings have it.
func Make() (secret, hash string) {
	secret = "gk-" + strings.ToLower(rand.Text())
	sum := sha256.Sum256([]byte(secret))
	return secret, hashed + hex.EncodeToString(sum[:])
}
