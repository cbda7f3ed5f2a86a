//go:build !race

package app

// requestsInAll is how many the simulation has.
const requestsInAll = 5000

// connectionsInAll is as many as a crowd has.
const connectionsInAll = 10_000
