package ollama

import (
	"encoding/json"
	"slices"
)

// As is the entry under another name and digest, all else as the server wrote it. An empty digest
// stands for the entry's own.
func (l Listed) As(name, digest string) Listed {
	if digest == "" {
		digest = l.Digest
	}
	l.Name, l.Digest = name, digest
	quotedName, _ := json.Marshal(name) // a string always encodes
	quotedDigest, _ := json.Marshal(digest)
	said := map[string][]byte{"name": quotedName, "model": quotedName, "digest": quotedDigest}
	var edits []Splice
	_ = eachMember(l.Raw, 0, func(m member) error { // it is valid, for it was read as a part of the list
		if key, _ := keyOf(l.Raw, m); said[string(key)] != nil {
			edits = append(edits, Splice{m.val.from, m.val.to, said[string(key)]})
		}
		return nil
	})
	l.Raw = slices.Concat(Segments(l.Raw, edits)...)
	return l
}
