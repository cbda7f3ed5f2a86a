//go:build !race

package app

// requestsInAll is how many the simulation has.
const requestsInAll = 5000
