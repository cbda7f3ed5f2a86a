package ollamatest

import (
	"io"
	"net/http"
	"strings"
	"testing"
)

// BenchmarkAnswer is what the pretend server itself costs those who measure with it.
func BenchmarkAnswer(b *testing.B) {
	s, err := Start(Options{Models: []Model{{Name: "a"}}, Parallel: 1000, Remember: -1})
	if err != nil {
		b.Fatal(err)
	}
	defer s.Close()
	client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 100}}
	for name, q := range map[string][2]string{
		"whole":  {"/api/generate", `{"model":"a","prompt":"x","stream":false}`},
		"stream": {"/api/chat", `{"model":"a","messages":[{"role":"user","content":"x"}]}`},
		"sse":    {"/v1/chat/completions", `{"model":"a","stream":true,"messages":[{"role":"user","content":"x"}]}`},
	} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			b.RunParallel(func(pb *testing.PB) {
				for pb.Next() {
					res, err := client.Post(s.URL()+q[0], "application/json", strings.NewReader(q[1]))
					if err != nil {
						b.Error(err)
						return
					}
					io.Copy(io.Discard, res.Body)
					res.Body.Close()
				}
			})
		})
	}
}
