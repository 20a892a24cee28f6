# IoT Center. `make help` lists the targets; `make run` is the one to start with.
#
# Every setting below can be given in the environment, and the environment wins:
#   PORT=8080 DATA_DIR=/tmp/iot make run

SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DELETE_ON_ERROR:
.NOTPARALLEL:

GO   ?= go
NPM  ?= npm
NODE ?= node

HOST     ?= 127.0.0.1
PORT     ?= 5000
DATA_DIR ?= data
export HOST PORT DATA_DIR

VERSION ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo dev)
BIN     := bin/iot-center
LDFLAGS := -s -w -X main.version=$(VERSION)

# Everything but the race detector is built without cgo, so that build, vet and the linters share one build cache.
NOCGO := CGO_ENABLED=0

ASSETS   := static/dist/built-by-make-assets.json
PACKAGES := node_modules/.package-lock.json

.PHONY: help
help: ## list the targets
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / { printf "  %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

.PHONY: run
run: generate build ## build everything and serve it
	@echo
	@echo "  IoT Center: open http://$(HOST):$(PORT)   (data in $(DATA_DIR)/, Ctrl-C stops it)"
	@echo
	@exec $(BIN) serve

.PHONY: build
build: $(ASSETS) ## build bin/iot-center, a static binary
	$(NOCGO) $(GO) build -trimpath -ldflags '$(LDFLAGS)' -o $(BIN) ./web

.PHONY: generate
generate: $(ASSETS) ## regenerate the committed generated code
	@$(NOCGO) $(GO) tool templ generate -log-level warn
	@$(NOCGO) $(GO) generate ./...

.PHONY: assets
assets: $(ASSETS) ## fetch the browser libraries and build static/dist

$(PACKAGES): package.json package-lock.json
	$(NPM) ci --no-audit --no-fund
	@touch $@

$(ASSETS): $(PACKAGES) $(shell find static -path static/dist -prune -o -type f ! -name '*.go' -print 2>/dev/null)
	$(NODE) static/build.mjs
	@touch $@

.PHONY: test
test: $(ASSETS) ## set up what tests need and run them all, race detector on
	@tools/setup-tests.sh
	@if tools/have-cc.sh; then \
	  echo "== go test -race"; CGO_ENABLED=1 $(GO) test -race -tags noasm -vet=off -timeout 15m ./... && \
	  echo "== go test of what moves too much data for the race detector" && \
	  $(NOCGO) $(GO) test -tags noasm -vet=off -timeout 5m -run '^(TestAMillionRowsAreStreamed|TestLongTextsAreReadInSmallPieces|TestPointsOfTooLargeValuesAreRefused)$$' ./influx; \
	else \
	  echo "== go test (no C compiler: WITHOUT the race detector)"; $(NOCGO) $(GO) test -tags noasm -vet=off -timeout 15m ./...; \
	fi
	@$(MAKE) --no-print-directory e2e

.PHONY: e2e
e2e: build ## journeys of a person in a real browser
	@echo "== journeys in a real browser"
	IOT_BIN="$(CURDIR)/$(BIN)" $(NOCGO) $(GO) test -tags e2e -vet=off -count=1 -timeout 15m -v ./e2e

.PHONY: influxd
influxd: bin/influxd ## build a real InfluxDB 2.7 for tests (5 minutes, once; needs cargo and a C compiler)

bin/influxd: tools/influxd/go.mod
	@tools/influxd.sh

.PHONY: test-influx2
test-influx2: build $(if $(TEST_INFLUX_URL),,bin/influxd) ## store, program and journeys on a real InfluxDB 2.7, and its answers beside ours
	@IOT_BIN="$(CURDIR)/$(BIN)" tools/test-influx2.sh

.PHONY: bench
bench: build ## measure against the numbers the project wants to hold (about 5 minutes)
	@IOT_BIN="$(CURDIR)/$(BIN)" $(NOCGO) $(GO) run ./bench

.PHONY: check
check: $(ASSETS) ## generated code, format, vet, lint, known vulnerabilities
	@echo "== generated code";  tools/check-generated.sh "$(MAKE)"
	@echo "== gofmt";           tools/check-format.sh
	@echo "== go build";        $(NOCGO) $(GO) build ./...
	@echo "== go vet";          $(NOCGO) $(GO) vet -tags e2e ./...
	@echo "== staticcheck";     $(NOCGO) $(GO) tool -modfile=tools/go.mod staticcheck -tags e2e ./...
	@echo "== govulncheck";     tools/check-vulnerabilities.sh

.PHONY: dev
dev: ## serve, and rebuild when a source changes
	@tools/dev.sh "$(MAKE)"

.PHONY: clean
clean: ## remove what make built (data stays)
	rm -rf bin static/dist node_modules e2e/artifacts
