package fleet

import (
	"net/url"
	"slices"
	"testing"
)

func TestNotesAreSortedAndReplacedByTopicAndAnEmptyTextRemovesOne(t *testing.T) {
	s := New(Options{URL: &url.URL{Scheme: "http", Host: "a"}})
	s.Note("b", "one")
	s.Note("a", "two")
	s.Note("b", "three")
	if got, want := s.Notes(), []Note{{"a", "two"}, {"b", "three"}}; !slices.Equal(got, want) {
		t.Errorf("%v, want %v", got, want)
	}
	s.Note("a", "")
	s.Note("never noted", "")
	if got, want := s.Notes(), []Note{{"b", "three"}}; !slices.Equal(got, want) {
		t.Errorf("%v, want %v", got, want)
	}
}
