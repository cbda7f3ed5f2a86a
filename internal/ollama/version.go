package ollama

import (
	"cmp"
	"strconv"
	"strings"
)

// CompareVersions orders two versions such as "0.9.6" and "0.24.0-rc1" by
// their numbers: negative where a is the lower. A pre-release comes before its release.
func CompareVersions(a, b string) int {
	aNumbers, aPre := splitVersion(a)
	bNumbers, bPre := splitVersion(b)
	for i := range max(len(aNumbers), len(bNumbers)) {
		if c := cmp.Compare(part(aNumbers, i), part(bNumbers, i)); c != 0 {
			return c
		}
	}
	if aPre == "" || bPre == "" {
		return cmp.Compare(len(bPre), len(aPre))
	}
	aWord, aNumber := splitPre(aPre)
	bWord, bNumber := splitPre(bPre)
	return cmp.Or(strings.Compare(aWord, bWord), cmp.Compare(aNumber, bNumber))
}

func splitVersion(v string) (numbers []string, pre string) {
	v, _, _ = strings.Cut(strings.TrimPrefix(v, "v"), "+")
	v, pre, _ = strings.Cut(v, "-")
	return strings.Split(v, "."), pre
}

// splitPre cuts rc10 into rc and 10.
func splitPre(pre string) (word string, number int) {
	word = strings.TrimRight(pre, "0123456789")
	number, _ = strconv.Atoi(pre[len(word):]) // none = 0
	return word, number
}

func part(numbers []string, i int) int {
	if i >= len(numbers) {
		return 0
	}
	n, _ := strconv.Atoi(numbers[i]) // what is no number comes first
	return n
}
