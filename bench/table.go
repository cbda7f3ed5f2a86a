package main

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"runtime"
	"strings"
	"unicode/utf8"
)

// A page is what the run prints, row by row as it comes.
type page struct {
	out    io.Writer
	plan   plan
	last   string // the case of the row before
	missed int
}

func newPage(out io.Writer, p plan) *page { return &page{out: out, plan: p} }

func (p *page) opening() {
	if p.plan.json {
		return
	}
	fmt.Fprintf(p.out, "%s, %s/%s, %d CPUs; %d rounds, in turn: plain, gollamas, direct.\n"+
		"Figures are medians, ± half the width of the middle half; ratios are taken within each round (middle half).\n"+
		"  direct    the client asks the server itself\n"+
		"  plain     httputil.ReverseProxy behind io.ReadAll, json.Unmarshal and a map; it logs nothing\n"+
		"  gollamas  as an operator has it: level info, one line of JSON for each request, written to %s\n"+
		"CPU is the proxy's process alone, user and system. All share this machine with the client and the server.\n",
		runtime.Version(), runtime.GOOS, runtime.GOARCH, runtime.NumCPU(), p.plan.rounds, os.DevNull)
}

// add prints the rows of a case.
func (p *page) add(rows []measure) {
	for _, m := range rows {
		if ok, known := m.kept(); known && !ok {
			p.missed++
		}
		if p.plan.json {
			p.jsonLine(m)
			continue
		}
		if m.Case != p.last {
			fmt.Fprintf(p.out, "\n%s\n", m.Case)
			p.cells("", "direct", "plain", "gollamas", "gollamas/plain", "wanted")
			p.last = m.Case
		}
		p.cells(m.Name, m.cell(direct), m.cell(plain), m.cell(gollamas), ratioCell(m.ratios()), m.verdict())
	}
}

func (p *page) closing() {
	switch {
	case p.plan.json:
	case p.missed == 0:
		fmt.Fprintln(p.out, "\nEvery limit above is kept.")
	default:
		fmt.Fprintf(p.out, "\nLimits MISSED: %d.\n", p.missed)
	}
}

// cells prints one line; fmt's own widths count bytes of ± and µ, not letters.
func (p *page) cells(name string, columns ...string) {
	line := "  " + pad(name, 26)
	for i, width := range []int{18, 18, 18, 20, 0} {
		line += pad(columns[i], width)
	}
	fmt.Fprintln(p.out, strings.TrimRight(line, " "))
}

func pad(s string, width int) string {
	return s + strings.Repeat(" ", max(0, width-utf8.RuneCountInString(s)))
}

// cell is one way's figure.
func (m measure) cell(way int) string {
	s, ok := summed(m.Seen[way])
	switch {
	case !ok && way == direct:
		return "–"
	case !ok:
		return "n/a"
	}
	text := short(s.Median)
	if m.Unit != "" {
		text += " " + m.Unit
	}
	if s.Median > 0 && len(m.Seen[way]) > 1 {
		text += fmt.Sprintf(" ±%.0f%%", 50*(s.High-s.Low)/s.Median)
	}
	return text
}

func ratioCell(all []float64) string {
	s, ok := summed(all)
	if !ok {
		return "n/a"
	}
	return fmt.Sprintf("%.2f (%.2f–%.2f)", s.Median, s.Low, s.High)
}

func (m measure) verdict() string {
	ok, known := m.kept()
	switch {
	case m.Wanted.text == "":
		return ""
	case !known:
		return m.Wanted.text + "  n/a"
	case ok:
		return m.Wanted.text + "  ok"
	}
	return m.Wanted.text + "  MISSED"
}

// short writes about three digits, which is what the spread leaves of them.
func short(v float64) string {
	switch {
	case v >= 100:
		return fmt.Sprintf("%.0f", v)
	case v >= 10:
		return fmt.Sprintf("%.1f", v)
	}
	return fmt.Sprintf("%.2f", v)
}

// A jsonRow is a row for programs: everything that was seen.
type jsonRow struct {
	Case   string               `json:"case"`
	Name   string               `json:"name"`
	Unit   string               `json:"unit,omitempty"`
	Median map[string]summary   `json:"median"`
	Ratio  *summary             `json:"gollamas_to_plain,omitempty"`
	Wanted string               `json:"wanted,omitempty"`
	OK     *bool                `json:"ok,omitempty"`
	Rounds map[string][]float64 `json:"rounds"`
}

func (p *page) jsonLine(m measure) {
	row := jsonRow{Case: m.key, Name: m.Name, Unit: m.Unit, Wanted: m.Wanted.text, Median: map[string]summary{}, Rounds: map[string][]float64{}}
	for i, name := range wayNames {
		if s, ok := summed(m.Seen[i]); ok {
			row.Median[name], row.Rounds[name] = s, m.Seen[i]
		}
	}
	if s, ok := summed(m.ratios()); ok {
		row.Ratio = &s
	}
	if ok, known := m.kept(); known {
		row.OK = &ok
	}
	_ = json.NewEncoder(p.out).Encode(row) // as with the table, a closed stdout is not our trouble
}
