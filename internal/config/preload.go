package config

import (
	"slices"

	"gollamas/internal/ollama"
)

// preloadAll stands for every model that has a name of its own.
const preloadAll = "all"

// preload adds up which models are to be loaded before anybody asks.
func (c *composer) preload(all []said[bool]) {
	for _, s := range all {
		if s.key == preloadAll {
			c.preloadAll(s.place)
			continue
		}
		if ollama.IsPattern(s.key) {
			c.problems.add(s.place, "%q is a pattern: a model is preloaded by its name", s.key)
		} else if c.served(s.place, s.key, -1, s.value) {
			c.addPreload(s.key)
		}
	}
}

func (c *composer) preloadAll(place string) {
	named := false
	for _, m := range c.Models {
		if !ollama.IsPattern(m.Name) {
			named = true
			c.addPreload(m.Name)
		}
	}
	if !named && c.whole {
		c.problems.add(place, "no model has a name of its own, there are only patterns: name the models to load")
	}
}

func (c *composer) addPreload(model string) {
	same := func(had string) bool { return sameModel(had, model) }
	if !slices.ContainsFunc(c.Preload, same) {
		c.Preload = append(c.Preload, model)
	}
}
