package ollama

// merged are the occurrences of options that Ollama merges into one map: it
// reads them with encoding/json into a map[string]any, which keeps what an
// earlier one said of other keys, and which null empties. ok is false where one is neither
// an object nor null: Ollama answers 400.
func (o *Object) merged() (all []member, ok bool) {
	all = o.members[FieldOptions]
	from := 0
	for i, m := range all {
		switch o.Body[m.val.from] {
		case 'n':
			from = i + 1
		case '{':
		default:
			return nil, false
		}
	}
	return all[from:], true
}

// eachOption calls do for each of the merged options.
func (o *Object) eachOption(do func(m member, key []byte) error) bool {
	all, ok := o.merged()
	for _, in := range all {
		err := eachMember(o.Body[:in.val.to], in.val.from, func(m member) error {
			key, _ := keyOf(o.Body, m)
			return do(m, key)
		})
		ok = ok && err == nil
	}
	return ok
}

// Option is the value of one of the request's options, nil where it is not given. Unlike a
// request's own fields, options match in one case only; the last of several
// counts, and null is none (Options.FromMap in Ollama's api/types.go). ok is false where the
// options cannot be read.
func (o *Object) Option(key string) (value []byte, ok bool) {
	m, _, ok := o.option(key)
	if m.val.to == 0 {
		return nil, ok
	}
	if value = o.Body[m.val.from:m.val.to]; value[0] == 'n' {
		return nil, ok
	}
	return value, ok
}

// option finds the last occurrence of an option, and how many there are.
func (o *Object) option(key string) (last member, count int, ok bool) {
	ok = o.eachOption(func(m member, k []byte) error {
		if string(k) == key {
			last = m
			count++
		}
		return nil
	})
	return last, count, ok
}

// SetOption makes value, which is JSON, the one value of an option, whose key
// is plain. Options that cannot be read stay as they are. Where they or the option stand there
// more than once they become one, in which all else is as it was.
func (e *Edits) SetOption(key string, value []byte) {
	o, all := e.object, e.object.members[FieldOptions]
	last, count, ok := o.option(key)
	switch {
	case !ok:
	case len(all) == 0:
		e.add(fieldKeys[FieldOptions], o.options(key, value))
	case len(all) > 1 || count > 1 || o.Body[all[0].val.from] == 'n':
		e.splices = o.settle(e.splices, FieldOptions, o.options(key, value))
	case count == 1:
		e.splices = append(e.splices, Splice{last.val.from, last.val.to, value})
	default:
		inside := all[0].val.from + 1
		e.splices = append(e.splices, Splice{inside, inside, behindComma(plainMember(nil, key, value), o.Body, inside)})
	}
}

// options are the request's, written once, with key for value.
func (o *Object) options(key string, value []byte) []byte {
	out := plainMember([]byte{'{'}, key, value)
	o.eachOption(func(m member, k []byte) error {
		if string(k) != key {
			out = append(append(out, ','), o.Body[m.key.from:m.val.to]...)
		}
		return nil
	})
	return append(out, '}')
}
