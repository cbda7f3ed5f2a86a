package config

import "slices"

// Nested are the keys of the plain values that stand one deeper and in the file only, for the page of settings.
func Nested() []string {
	var out []string
	for _, s := range nested {
		out = append(out, s.Key)
	}
	return out
}

// KeyMembers are what the file may say of one key, for the page of settings.
func KeyMembers() []string { return slices.Clone(keyMembers) }
