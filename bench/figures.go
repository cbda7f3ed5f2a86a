package main

import (
	"fmt"
	"math"
	"slices"
)

// A measure is one row of the table: what was seen of each way, round by round.
type measure struct {
	key    string // of the case, for JSON and for profiles
	Case   string // for a person
	Name   string
	Unit   string
	Seen   [wayCount][]float64 // empty = there is nothing to see
	Wanted limit
}

// A limit is what gollamas is to keep to.
type limit struct {
	most  float64
	ratio bool   // of gollamas to plain
	text  string // "" = there is no limit
	least bool   // most is the least
}

// ofPlain limits the ratio of gollamas to plain.
func ofPlain(most float64) limit {
	return limit{most: most, ratio: true, text: fmt.Sprintf("≤ %.1f of plain", most)}
}

// below limits gollamas' own figure.
func below(bound float64, unit string) limit {
	return limit{most: math.Nextafter(bound, 0), text: fmt.Sprintf("< %g %s", bound, unit)}
}

func atMost(most float64, text string) limit { return limit{most: most, text: text} }

func atLeast(least float64) limit {
	return limit{most: least, least: true, text: fmt.Sprintf("≥ %g", least)}
}

// A summary is the median of some figures and the bounds of their middle half.
type summary struct {
	Median float64 `json:"median"`
	Low    float64 `json:"low"`
	High   float64 `json:"high"`
}

// summed returns false where there are no figures.
func summed(all []float64) (summary, bool) {
	if len(all) == 0 {
		return summary{}, false
	}
	sorted := slices.Sorted(slices.Values(all))
	return summary{quantile(sorted, 0.5), quantile(sorted, 0.25), quantile(sorted, 0.75)}, true
}

// quantile lies between two figures where it must.
func quantile(sorted []float64, q float64) float64 {
	at := q * float64(len(sorted)-1)
	i := int(at)
	if i+1 == len(sorted) {
		return sorted[i]
	}
	return sorted[i] + (at-float64(i))*(sorted[i+1]-sorted[i])
}

// ratios are gollamas' figures in plain's, each taken within one round: there
// the machine was the same for both.
func (m measure) ratios() []float64 {
	var out []float64
	for i, v := range m.Seen[gollamas] {
		if i < len(m.Seen[plain]) && m.Seen[plain][i] > 0 {
			out = append(out, v/m.Seen[plain][i])
		}
	}
	return out
}

// kept says whether gollamas keeps to the limit; known is false where nothing was seen.
func (m measure) kept() (ok, known bool) {
	figures := m.Seen[gollamas]
	if m.Wanted.ratio {
		figures = m.ratios()
	}
	s, known := summed(figures)
	if m.Wanted.least {
		return s.Median >= m.Wanted.most, known && m.Wanted.text != ""
	}
	return s.Median <= m.Wanted.most, known && m.Wanted.text != ""
}
