#!/usr/bin/env bash
# Runs what can be tested with a real InfluxDB 2.x: the store, the comparison of
# the two databases, the whole program, and the journeys in a browser. It takes
# the one that TEST_INFLUX_URL and TEST_INFLUX_TOKEN (an operator's token) name,
# or starts bin/influxd on a free port and with data that it removes.
set -euo pipefail
cd "$(dirname "$0")/.."

if [ -z "${TEST_INFLUX_URL:-}" ]; then
  data=$(mktemp -d)
  bin/influxd --http-bind-address 127.0.0.1:0 --bolt-path "$data/meta" --sqlite-path "$data/sqlite" --engine-path "$data/engine" \
    --reporting-disabled >"$data/log" 2>&1 &
  influxd=$!
  trap 'kill "$influxd" 2>/dev/null; wait "$influxd" 2>/dev/null || true; rm -rf "$data"' EXIT
  for _ in $(seq 300); do
    port=$(sed -n 's/.*msg=Listening.* port=\([0-9]*\).*/\1/p' "$data/log")
    [ -n "$port" ] && break
    kill -0 "$influxd" 2>/dev/null || break
    sleep 0.2
  done
  [ -n "$port" ] || { echo "influxd does not start:" >&2; cat "$data/log" >&2; exit 1; }
  export TEST_INFLUX_URL=http://127.0.0.1:$port TEST_INFLUX_TOKEN=operator-token-of-the-tests
fi
echo "== against $TEST_INFLUX_URL ($(curl -fsS "$TEST_INFLUX_URL/health"))"
CGO_ENABLED=0 go test -tags noasm -vet=off -count=1 -timeout 10m ./influx ./influx/differential ./web
# How pages look, and what hostile texts do in a browser, is no matter of the database: `make e2e` has seen to it.
echo "== journeys in a real browser, against $TEST_INFLUX_URL"
CGO_ENABLED=0 go test -tags e2e -vet=off -count=1 -timeout 15m -skip '^(TestLooks.*|TestInjection)$' ./e2e
