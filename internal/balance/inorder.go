package balance

// inOrder keeps the order in which the operator has named them.
func inOrder([]Candidate, uint64) {}
