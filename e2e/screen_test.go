package e2e

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// sequence is one of the escapes that move the cursor or clear what is there.
var sequence = regexp.MustCompile(`^\x1b(?:\[([?0-9;]*)([A-Za-z])|\][^\x1b\a]*(?:\a|\x1b\\))`)

// screen are the lines that stand on a terminal at the end of an output.
func screen(output string) []string {
	rows, row, column := [][]rune{nil}, 0, 0
	for output != "" {
		if m := sequence.FindStringSubmatch(output); m != nil {
			output = output[len(m[0]):]
			switch m[2] {
			case "A":
				row = max(0, row-1)
			case "G":
				column = 0
			case "K":
				rows[row] = rows[row][:min(column, len(rows[row]))]
				if m[1] == "2" {
					rows[row] = nil
				}
			}
			continue
		}
		char := []rune(output[:min(4, len(output))])[0]
		output = output[len(string(char)):]
		switch char {
		case '\n':
			if row++; row == len(rows) {
				rows = append(rows, nil)
			}
			column = 0
		case '\r':
			column = 0
		default:
			for len(rows[row]) <= column {
				rows[row] = append(rows[row], ' ')
			}
			rows[row][column] = char
			column++
		}
	}
	var lines []string
	for _, r := range rows {
		if line := strings.TrimSpace(string(r)); line != "" {
			lines = append(lines, line)
		}
	}
	return lines
}

// bar is the drawn part of a line of progress.
var bar = regexp.MustCompile(`▕[█ ]*▏`)

// drawn says in which way an output is not what is wanted, "" = it is. In what is wanted, … stands for anything, and a bar
// for one of any length.
func drawn(output, want string) string {
	lines := screen(output)
	wanted := screen(want)
	var patterns []*regexp.Regexp
	for _, w := range wanted {
		text := regexp.QuoteMeta(strings.Join(strings.Fields(bar.ReplaceAllString(w, "▕▏")), " "))
		patterns = append(patterns, regexp.MustCompile("^"+strings.ReplaceAll(text, "…", ".*")+"$"))
	}
	for i, l := range lines {
		lines[i] = strings.Join(strings.Fields(bar.ReplaceAllString(l, "▕▏")), " ")
	}
	for i, p := range patterns {
		if !slices.ContainsFunc(lines, p.MatchString) {
			return fmt.Sprintf("no line is %q:\n%s", wanted[i], strings.Join(lines, "\n"))
		}
	}
	for _, l := range lines {
		if !slices.ContainsFunc(patterns, func(p *regexp.Regexp) bool { return p.MatchString(l) }) {
			return fmt.Sprintf("nobody wants the line %q:\n%s", l, strings.Join(lines, "\n"))
		}
	}
	if last := lines[len(lines)-1]; !patterns[len(patterns)-1].MatchString(last) {
		return fmt.Sprintf("the last line is %q:\n%s", last, strings.Join(lines, "\n"))
	}
	return ""
}
