package main

import (
	"encoding/json"
	"os"
	"strings"
	"testing"
)

func TestTheBillNamesWhatAProgramIsMadeOf(t *testing.T) {
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	var out strings.Builder
	if err := run([]string{self}, &out); err != nil {
		t.Fatal(err)
	}
	var got bill
	if err := json.Unmarshal([]byte(out.String()), &got); err != nil {
		t.Fatal(err)
	}
	if got.Format != "CycloneDX" || got.Spec != "1.6" || len(got.Components) == 0 || got.Components[0].Name != "std" {
		t.Errorf("%+v", got)
	}
}

func TestTheBillIsOfOneGoProgram(t *testing.T) {
	for _, args := range [][]string{nil, {"main.go"}, {"a", "b"}} {
		if run(args, &strings.Builder{}) == nil {
			t.Errorf("%q is taken", args)
		}
	}
}
