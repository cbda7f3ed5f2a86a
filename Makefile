.PHONY: bench test ci

# What gollamas costs beside the obvious proxy and beside none: about 80 seconds.
bench:
	go run ./bench

test:
	go test ./...

ci:
	.ci/run
