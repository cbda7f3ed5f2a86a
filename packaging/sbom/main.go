// Sbom writes the bill of materials of a Go program that is built already, as CycloneDX JSON: what the
// Go tool wrote into it, and nothing that is guessed. It needs no network and no other tool.
//
//	go run ./packaging/sbom PROGRAM > gollamas.cdx.json
package main

import (
	"debug/buildinfo"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"runtime/debug"
)

func main() {
	if err := run(os.Args[1:], os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "sbom:", err)
		os.Exit(1)
	}
}

func run(args []string, out io.Writer) error {
	if len(args) != 1 {
		return fmt.Errorf("%d programs are named: write one", len(args))
	}
	info, err := buildinfo.ReadFile(args[0])
	if err != nil {
		return err
	}
	to := json.NewEncoder(out)
	to.SetIndent("", "  ")
	return to.Encode(materials(info))
}

// A bill is as much of CycloneDX 1.6 as a Go program can tell of itself.
type bill struct {
	Format     string      `json:"bomFormat"`
	Spec       string      `json:"specVersion"`
	Version    int         `json:"version"`
	Metadata   metadata    `json:"metadata"`
	Components []component `json:"components"`
}

type metadata struct {
	Component component `json:"component"`
}

type component struct {
	Ref        string     `json:"bom-ref"`
	Type       string     `json:"type"`
	Name       string     `json:"name"`
	Version    string     `json:"version,omitempty"`
	PURL       string     `json:"purl"`
	Properties []property `json:"properties,omitempty"`
}

type property struct {
	Name  string `json:"name"`
	Value string `json:"value"`
}

func materials(info *debug.BuildInfo) bill {
	program := part("application", &debug.Module{Path: info.Main.Path, Version: info.Main.Version})
	for _, s := range info.Settings {
		program.Properties = append(program.Properties, property{"gollamas:build:" + s.Key, s.Value})
	}
	parts := []component{part("library", &debug.Module{Path: "std", Version: info.GoVersion})}
	for _, d := range info.Deps {
		if d.Replace != nil {
			d = d.Replace
		}
		parts = append(parts, part("library", d))
	}
	return bill{Format: "CycloneDX", Spec: "1.6", Version: 1, Metadata: metadata{program}, Components: parts}
}

// part is a module; its sum is the one of go.sum.
func part(kind string, m *debug.Module) component {
	purl := "pkg:golang/" + m.Path
	if m.Version != "" {
		purl += "@" + m.Version
	}
	out := component{Ref: purl, Type: kind, Name: m.Path, Version: m.Version, PURL: purl}
	if m.Sum != "" {
		out.Properties = []property{{"gollamas:go.sum", m.Sum}}
	}
	return out
}
