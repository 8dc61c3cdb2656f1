# `make run` and `make test` work on a fresh Debian machine with Go and Node;
# `make help` lists the rest.
SHELL := bash
.SHELLFLAGS := -eu -o pipefail -c
.ONESHELL:
.NOTPARALLEL:
.DELETE_ON_ERROR:
.DEFAULT_GOAL := build

GO ?= go
VERSION ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo unknown)
ARGS ?=
# How long each fuzz target runs, in the short runs and in the long ones. The
# short runs are counted: at a time limit go test now and then takes its own
# deadline for a failure.
FUZZTIME ?= 3000x
SOAKTIME ?= 5m

results := .test
counts := $(results)/counts
testcount = $(GO) run ./internal/tools/testcount -file $(counts)
# Packages with tests that need a browser have a target of their own. What one
# goroutine computes in virtual time would only be slower under the race detector.
alone = ./internal/media/mix ./internal/media/opus
unit = $$($(GO) list ./... | grep -v -e /test/browser -e /media/mix$$ -e /media/opus$$)

# The server is one static binary; only the race detector needs cgo.
export CGO_ENABLED := 0

.PHONY: help
help: ## list the targets
	@sed -n 's/^\([a-z-]*\):.*## /\1\t/p' $(MAKEFILE_LIST) | expand -t 16

.PHONY: run
run: build ## build, then serve on http://localhost:8080 (ARGS="--set key=value")
	@exec bin/switchboard serve $(ARGS)

.PHONY: build
build: ui ## bin/switchboard, with the pages in it
	$(GO) build -trimpath -ldflags "-s -w -X main.version=$(VERSION)" -o bin/switchboard .

# The pages are built again only when one of their sources has changed.
pages := internal/web/dist/index.html
.PHONY: ui
ui: $(pages) ## the pages that the binary embeds
$(pages): $(shell find ui -path ui/node_modules -prune -o -type f -not -path 'ui/test/*' -print) go.mod
	sh ui/build.sh
	touch $@

.PHONY: generate
generate: ## write the generated pages anew
	$(GO) generate ./...

.PHONY: check
check: format vet lint layout test-unit fuzz test-ui ## the fast part of test

.PHONY: format
format: ## fail where gofmt would change something
	@wrong=$$(gofmt -l *.go internal test)
	[ -z "$$wrong" ] || { printf 'gofmt -w these:\n%s\n' "$$wrong"; exit 1; }

.PHONY: vet
vet: ## go vet
	$(GO) vet ./...

.PHONY: lint
lint: ## staticcheck, with the rules of staticcheck.conf
	$(GO) tool -modfile=tools/go.mod staticcheck ./...

.PHONY: layout
layout: ## the rules of the house: imports, package comments, names, generated pages
	$(GO) test test/layout_test.go test/rules_test.go test/docs_test.go

.PHONY: test
test: results check test-store test-browser ## everything CI runs; installs what is missing where it may
	@$(GO) run ./internal/tools/testcount -sum $(counts)

.PHONY: results
results:
	@rm -rf $(results) && mkdir -p $(results)

$(results):
	@mkdir -p $@

.PHONY: test-unit
test-unit: | $(results) ## all Go tests but those in a browser, under the race detector
	@scripts/need.sh gcc:gcc+libc6-dev >/dev/null
	status=0
	CGO_ENABLED=1 $(GO) test -json -race -timeout 10m $(unit) 2>&1 | $(testcount) -name unit || status=1
	$(GO) test -json -timeout 10m $(alone) 2>&1 | $(testcount) -name mixer || status=1
	exit $$status

.PHONY: test-store
test-store: | $(results) ## the tests of the store, on PostgreSQL too
	scripts/postgres.sh $(GO) test -json -timeout 5m ./internal/store/... 2>&1 | $(testcount) -name postgres

.PHONY: test-ui
test-ui: ui | $(results) ## types and tests of the pages
	NODE_OPTIONS=--test-reporter=tap sh ui/test.sh | $(testcount) -name ui -format tap

.PHONY: test-browser
test-browser: build | $(results) ## the pages and a real client in Chromium
	@SWITCHBOARD_TEST_CHROMIUM=$$(scripts/need.sh chromium:chromium)
	# CI says that what cannot be tested here is a failure, not a skipped test.
	export SWITCHBOARD_TEST_CHROMIUM SWITCHBOARD_TEST_BINARY=$(CURDIR)/bin/switchboard CI=true
	$(GO) test -json -count=1 -p 1 -timeout 15m ./test/browser/... 2>&1 | $(testcount) -name browser

.PHONY: fuzz
fuzz: | $(results) ## each fuzz target for FUZZTIME
	scripts/fuzz.sh $(FUZZTIME) | $(testcount) -name fuzz

.PHONY: soak
soak: | $(results) ## long: each fuzz target for SOAKTIME, and the tests again and again
	@scripts/need.sh gcc:gcc+libc6-dev >/dev/null
	CGO_ENABLED=1 $(GO) test -json -race -count=20 -timeout 2h $(unit) $(alone) 2>&1 | $(testcount) -name repeated
	scripts/fuzz.sh $(SOAKTIME) | $(testcount) -name fuzz

.PHONY: bench
bench: build ## Go benchmarks, then the server under load against its targets
	$(GO) test -run '^$$' -bench . -benchmem ./internal/... ./test/nkmedia
	$(GO) run ./test/bench -binary bin/switchboard $(ARGS)

.PHONY: clean
clean: ## remove what was built and the results of tests; the data directory stays
	rm -rf bin $(results)
	find internal/web/dist -mindepth 1 -not -name .keep -delete
