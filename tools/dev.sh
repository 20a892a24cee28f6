#!/usr/bin/env bash
# Serves the program and rebuilds it when a source file changes. It polls with
# find, so it works on every file system and needs no further tool.
set -uo pipefail
cd "$(dirname "$0")/.."
make=${1:-make}
stamp=$(mktemp)
pid=

stop() { [ -n "$pid" ] && kill "$pid" 2>/dev/null && wait "$pid" 2>/dev/null; pid=; }
trap 'stop; rm -f "$stamp"; exit 0' INT TERM EXIT

changed() {
  find . \( -path ./node_modules -o -path ./static/dist -o -path ./bin -o -path ./data -o -path ./.git -o -path ./e2e/artifacts \) -prune \
    -o -type f \( -name '*.go' -o -name '*.templ' -o -name '*.css' -o -name '*.js' -o -name '*.mjs' -o -name '*.md' -o -name '*.svg' \
    -o -name go.mod -o -name package-lock.json \) -newer "$stamp" ! -name '*_templ.go' ! -name '*_gen.go' -print -quit
}

while :; do
  touch "$stamp"
  if "$make" --no-print-directory generate build; then
    stop
    bin/iot-center serve &
    pid=$!
    echo "dev: http://${HOST:-127.0.0.1}:${PORT:-5000}; waiting for changes"
  else
    echo "dev: the build failed; waiting for changes (the last good program goes on)"
  fi
  until [ -n "$(changed)" ]; do sleep 1; done
  echo "dev: $(changed) changed"
done
