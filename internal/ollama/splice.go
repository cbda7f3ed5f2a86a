package ollama

import (
	"cmp"
	"slices"
)

// A Splice puts With in the place of Body[From:To].
type Splice struct {
	From, To int
	With     []byte
}

// Replace returns the splices that make value the one value of f. One plain
// occurrence has its value replaced and no other byte touched; of several, or
// of one with an oddly spelled key, the first becomes the plain member and the others go.
func (o *Object) Replace(f Field, value string) []Splice {
	return o.settle(nil, f, Quoted(value))
}

// Quoted is a string as JSON.
func Quoted(value string) []byte { return encode(value) }

// settle appends the splices that make value the one value of f, where f stands in the object.
func (o *Object) settle(edits []Splice, f Field, value []byte) []Splice {
	all := o.members[f]
	if len(all) == 0 {
		return edits
	}
	if !o.Ambiguous(f) {
		return append(edits, Splice{all[0].val.from, all[0].val.to, value})
	}
	edits = append(edits, Splice{all[0].key.from, all[0].val.to, plainMember(nil, fieldKeys[f], value)})
	for _, m := range all[1:] { // never the object's first member, so a comma stands before it
		edits = append(edits, Splice{From: m.comma, To: m.val.to})
	}
	return edits
}

// plainMember appends a member whose key needs no escapes.
func plainMember(to []byte, key string, value []byte) []byte {
	to = append(append(append(to, '"'), key...), '"', ':')
	return append(to, value...)
}

// Segments is body with the splices done, as pieces of body and of the
// splices: nothing large is copied. The splices may come in any order and must not overlap;
// what is put in where another begins stands before it.
func Segments(body []byte, edits []Splice) [][]byte {
	edits = slices.SortedFunc(slices.Values(edits), inOrder)
	var out [][]byte
	at := 0
	add := func(p []byte) {
		if len(p) > 0 {
			out = append(out, p)
		}
	}
	for _, e := range edits {
		add(body[at:e.From])
		add(e.With)
		at = e.To
	}
	add(body[at:])
	return out
}

func inOrder(a, b Splice) int { return cmp.Or(a.From-b.From, a.To-b.To) }
