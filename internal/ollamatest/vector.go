package ollamatest

import (
	"encoding/base64"
	"encoding/binary"
	"hash/fnv"
	"math"
	"math/rand/v2"
)

// vector is the embedding of a text: the same text, the same vector of length 1.
func vector(text string, n int) []float32 {
	h := fnv.New64a()
	_, _ = h.Write([]byte(text))
	rnd := rand.New(rand.NewPCG(h.Sum64(), 1)) // #nosec G404 -- the same text is to have the same numbers
	v := make([]float32, n)
	for i := range v {
		v[i] = float32(rnd.NormFloat64())
	}
	return normal(v)
}

func normal(v []float32) []float32 {
	var sum float64
	for _, x := range v {
		sum += float64(x) * float64(x)
	}
	scale := float32(1 / max(math.Sqrt(sum), 1e-12))
	for i := range v {
		v[i] *= scale
	}
	return v
}

func shortened(v []float32, dimensions int) []float32 {
	if dimensions > 0 && dimensions < len(v) {
		return normal(v[:dimensions])
	}
	return v
}

func packed(v []float32) string {
	b, _ := binary.Append(nil, binary.LittleEndian, v)
	return base64.StdEncoding.EncodeToString(b)
}
