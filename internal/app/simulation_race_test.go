//go:build race

package app

// requestsInAll is fewer with the race detector, which makes everything several times as slow.
const requestsInAll = 1500

// connectionsInAll is as many as a crowd has, for the same reason.
const connectionsInAll = 1000
