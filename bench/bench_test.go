package main

import (
	"bytes"
	"encoding/json"
	"os"
	"testing"
	"time"
)

// TestMain lets the test's own program play the roles, as the bench's does.
func TestMain(m *testing.M) {
	if role := os.Getenv(roleEnv); role != "" {
		fail(play(role))
		return
	}
	os.Exit(m.Run())
}

// TestEveryCaseRuns runs everything briefly: too briefly for the figures to
// mean anything, long enough for there to be some.
func TestEveryCaseRuns(t *testing.T) {
	p := plan{
		rounds: 1, json: true, freshRounds: 1,
		smallFor: 20 * time.Millisecond, streamsFor: 2 * recordPace, bodiesFor: 20 * time.Millisecond,
		talking: 20, waiting: 20, picture: 1 << 20, largest: 4 << 20, blob: 4 << 20,
	}
	for _, c := range allCases {
		p.cases = append(p.cases, c.name)
	}
	var out bytes.Buffer
	if err := p.run(t.Context(), &out); err != nil {
		t.Fatal(err)
	}
	rows := 0
	for line := range bytes.Lines(out.Bytes()) {
		var row jsonRow
		if err := json.Unmarshal(line, &row); err != nil {
			t.Fatalf("%v in %q", err, line)
		}
		if _, ok := row.Median[wayNames[gollamas]]; !ok && row.Unit != "µs" { // CPU time is not known everywhere
			t.Errorf("%s, %s: nothing was seen", row.Case, row.Name)
		}
		rows++
	}
	if rows != 38 {
		t.Errorf("%d rows:\n%s", rows, &out)
	}
}

func TestLimits(t *testing.T) {
	m := measure{Wanted: ofPlain(0.7)}
	m.Seen[plain] = []float64{10, 100, 10}
	m.Seen[gollamas] = []float64{6, 60, 9}
	if ok, known := m.kept(); !ok || !known {
		t.Errorf("the median of 0.6, 0.6 and 0.9 is 0.6: %v %v", ok, known)
	}
	m.Wanted = below(9, "KiB")
	if ok, _ := m.kept(); ok {
		t.Error("9 is not below 9")
	}
	m.Wanted = atLeast(9)
	if ok, known := m.kept(); !ok || !known {
		t.Errorf("9 is at least 9: %v %v", ok, known)
	}
	m.Wanted = atLeast(9.1)
	if ok, _ := m.kept(); ok {
		t.Error("9 is not at least 9.1")
	}
	m.Wanted = below(9, "KiB")
	m.Seen[gollamas] = nil
	if got := m.verdict(); got != "< 9 KiB  n/a" {
		t.Errorf("without figures: %q", got)
	}
}
