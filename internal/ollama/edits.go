package ollama

import "slices"

// Edits collects what is to be changed in one body.
type Edits struct {
	object  *Object
	splices []Splice
	front   []byte // members that the object lacks
}

// Edit begins the edits of an object. Of a body that is null there are none.
func (o *Object) Edit() Edits { return Edits{object: o} }

// Set makes value, which is JSON, the one value of f. Where f is missing it becomes the first member.
func (e *Edits) Set(f Field, value []byte) {
	if e.object.Stands(f) {
		e.splices = e.object.settle(e.splices, f, value)
	} else {
		e.add(fieldKeys[f], value)
	}
}

// add puts a member in front of the others.
func (e *Edits) add(key string, value []byte) {
	if len(e.front) > 0 {
		e.front = append(e.front, ',')
	}
	e.front = plainMember(e.front, key, value)
}

// Splices are the edits, sorted.
func (e *Edits) Splices() []Splice {
	o := e.object
	if o.inside == 0 {
		return nil
	}
	if len(e.front) > 0 {
		e.splices = append(e.splices, Splice{o.inside, o.inside, behindComma(e.front, o.Body, o.inside)})
		e.front = nil
	}
	slices.SortFunc(e.splices, inOrder)
	return e.splices
}

// behindComma closes what is put in just behind a brace with a comma, if members follow.
func behindComma(members, body []byte, inside int) []byte {
	if body[skipSpace(body, inside)] == '}' {
		return members
	}
	return append(members, ',')
}
