package balance

// roundRobin gives each its turn, as often as its weight says.
func roundRobin(all []Candidate, round uint64) { rotate(all, round) }
