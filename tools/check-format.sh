#!/usr/bin/env bash
# Fails when a Go file is not formatted, and names it.
set -euo pipefail
cd "$(dirname "$0")/.."
bad=$(find . -name '*.go' -not -path './node_modules/*' -not -path './data/*' -print0 | xargs -0 -r gofmt -l)
if [ -n "$bad" ]; then
  printf 'Not formatted (run gofmt -w):\n%s\n' "$bad" >&2
  exit 1
fi
