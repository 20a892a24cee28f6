#!/usr/bin/env bash
# Runs the store's tests against a real InfluxDB 2.7: the one that TEST_INFLUX_URL
# and TEST_INFLUX_TOKEN name, or an influxd built here from its Go module. The
# build needs cargo for Flux's library and a C compiler, and takes five minutes
# once; what it makes stays in bin/.
set -euo pipefail
cd "$(dirname "$0")/.."

build() {
  command -v cargo >/dev/null || { echo "cargo is missing: Flux's library is written in Rust (https://rustup.rs)." >&2; exit 1; }
  tools/have-cc.sh || { echo "a C compiler is missing: apt-get install gcc libc6-dev" >&2; exit 1; }
  local work=$PWD/bin/influxd-build flux
  rm -rf "$work" && mkdir -p "$work"
  (cd tools/influxd && go mod download github.com/influxdata/flux)
  flux=$(cd tools/influxd && go list -m -f '{{.Dir}}' github.com/influxdata/flux)
  cp -r "$flux" "$work/flux" && chmod -R u+w "$work/flux"
  # The library asks for the Rust of its day and takes its warnings for errors; today's Rust has more of them.
  rm -f "$work/flux/rust-toolchain"* "$work/flux/libflux/rust-toolchain"*
  (cd "$work/flux/libflux" && RUSTFLAGS="--cap-lints allow" cargo build --quiet --release -p flux)
  # InfluxDB's Go part would ask pkg-config where the library is; here it is told.
  (cd tools/influxd && CGO_ENABLED=1 PKG_CONFIG=true CGO_CFLAGS="-O2 -I$work/flux/libflux/include" \
    CGO_LDFLAGS="-O2 $work/flux/libflux/target/release/libflux.a -ldl -lm -lpthread -lgcc_s" \
    go build -o ../../bin/influxd github.com/influxdata/influxdb/v2/cmd/influxd)
  rm -rf "$work"
}

if [ -z "${TEST_INFLUX_URL:-}" ]; then
  [ -x bin/influxd ] || { echo "== building influxd"; build; }
  data=$(mktemp -d)
  bin/influxd --http-bind-address 127.0.0.1:0 --bolt-path "$data/meta" --sqlite-path "$data/sqlite" --engine-path "$data/engine" \
    --reporting-disabled >"$data/log" 2>&1 &
  influxd=$!
  trap 'kill "$influxd" 2>/dev/null; wait "$influxd" 2>/dev/null || true; rm -rf "$data"' EXIT
  for _ in $(seq 150); do
    port=$(sed -n 's/.*msg=Listening.* port=\([0-9]*\).*/\1/p' "$data/log")
    [ -n "$port" ] && break
    sleep 0.2
  done
  [ -n "$port" ] || { cat "$data/log" >&2; exit 1; }
  export TEST_INFLUX_URL=http://127.0.0.1:$port TEST_INFLUX_TOKEN=conformance-token-0123456789
fi
echo "== the store's tests against $TEST_INFLUX_URL ($(curl -fsS "$TEST_INFLUX_URL/health"))"
CGO_ENABLED=0 go test -tags noasm -vet=off -count=1 -timeout 5m ./influx
