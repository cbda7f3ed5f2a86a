package ollamatest

import (
	"cmp"
	"maps"
	"slices"
	"strings"
	"sync"
)

// A library is the server's disk: the models installed, by their exact full name.
type library struct {
	mu     sync.Mutex
	models map[string]*installed
	order  []string // names as they came, so that lists do not change without a reason
}

func (l *library) put(m *installed) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.models == nil {
		l.models = map[string]*installed{}
	}
	key := m.name.String()
	if l.models[key] == nil {
		l.order = append(l.order, key)
	}
	l.models[key] = m
}

func (l *library) remove(n modelName) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	key := n.String()
	if l.models[key] == nil {
		return false
	}
	delete(l.models, key)
	l.order = slices.DeleteFunc(l.order, func(k string) bool { return k == key })
	return true
}

// get finds a model by its exact name, as only /api/embeddings does.
func (l *library) get(n modelName) *installed {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.models[n.String()]
}

// find finds a model whatever the case of the letters.
func (l *library) find(n modelName) *installed { return l.get(l.spelled(n)) }

// spelled gives each part of a name the spelling of any model that has it. That is how Ollama
// ignores case, and why a copy can end up with the letters of another model's tag.
func (l *library) spelled(n modelName) modelName {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, key := range slices.Sorted(maps.Keys(l.models)) {
		e := l.models[key].name
		n.host = borrowed(n.host, e.host)
		n.namespace = borrowed(n.namespace, e.namespace)
		n.model = borrowed(n.model, e.model)
		n.tag = borrowed(n.tag, e.tag)
	}
	return n
}

func borrowed(part, other string) string {
	if strings.EqualFold(part, other) {
		return other
	}
	return part
}

// newestFirst lists the models as tags does: by the second they were modified, newest first.
func (l *library) newestFirst() []*installed {
	l.mu.Lock()
	defer l.mu.Unlock()
	list := make([]*installed, 0, len(l.order))
	for _, key := range l.order {
		list = append(list, l.models[key])
	}
	slices.SortStableFunc(list, func(a, b *installed) int {
		return cmp.Compare(b.Modified.Unix(), a.Modified.Unix())
	})
	return list
}

// holdsWeights reports whether any model is made of this blob.
func (l *library) holdsWeights(digest string) *installed {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, key := range l.order {
		if m := l.models[key]; m.Weights == digest {
			return m
		}
	}
	return nil
}
