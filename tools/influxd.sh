#!/usr/bin/env bash
# Builds a real influxd, the one that tools/influxd pins, into bin/influxd. It
# needs cargo, for Flux's library, and a C compiler; it takes five minutes, once.
set -euo pipefail
cd "$(dirname "$0")/.."
command -v cargo >/dev/null || { echo "cargo is missing: Flux's library is written in Rust (https://rustup.rs)." >&2; exit 1; }
tools/have-cc.sh || { echo "a C compiler is missing: apt-get install gcc libc6-dev" >&2; exit 1; }

echo "== building influxd"
work=$PWD/bin/influxd-build
rm -rf "$work" && mkdir -p "$work"
trap 'rm -rf "$work"' EXIT
(cd tools/influxd && go mod download github.com/influxdata/flux)
flux=$(cd tools/influxd && go list -m -f '{{.Dir}}' github.com/influxdata/flux)
cp -r "$flux" "$work/flux" && chmod -R u+w "$work/flux"
# The library asks for the Rust of its day and takes its warnings for errors; today's Rust has more of them.
rm -f "$work/flux/rust-toolchain"* "$work/flux/libflux/rust-toolchain"*
(cd "$work/flux/libflux" && RUSTFLAGS="--cap-lints allow" cargo build --quiet --release -p flux)
# InfluxDB's Go part would ask pkg-config where the library is; here it is told.
(cd tools/influxd && CGO_ENABLED=1 PKG_CONFIG=true CGO_CFLAGS="-O2 -I$work/flux/libflux/include" \
  CGO_LDFLAGS="-O2 $work/flux/libflux/target/release/libflux.a -ldl -lm -lpthread -lgcc_s" \
  go build -o "$work/influxd" github.com/influxdata/influxdb/v2/cmd/influxd)
mv "$work/influxd" bin/influxd
