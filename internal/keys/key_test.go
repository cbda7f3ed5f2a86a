package keys

import (
	"crypto/sha256"
	"strings"
	"testing"
)

func TestAMadeKeyIsReadByItselfAndByItsHash(t *testing.T) {
	secret, hash := Make()
	var a, b Key
	if err := a.Read(secret); err != nil || a.Short {
		t.Error(err, a.Short)
	}
	if err := b.Read(hash); err != nil || a.Hash != b.Hash || a.Hash != sha256.Sum256([]byte(secret)) {
		t.Error(err, hash)
	}
	if again, _ := Make(); again == secret || len(secret) < 25 || strings.ToLower(secret) != secret {
		t.Errorf("%q and %q", secret, again)
	}
}
