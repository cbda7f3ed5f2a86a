.PHONY: bench test ci packages

# What gollamas costs beside the obvious proxy and beside none: about 80 seconds.
bench:
	go run ./bench

test:
	go test ./...

ci:
	.ci/run

# What gollamas is packed with, and a whole release that nobody gets, in dist/: about ten minutes.
packages:
	packaging/check
