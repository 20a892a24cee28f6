#!/usr/bin/env bash
# Sets up what `make test` needs beyond Go and npm: a C compiler for the race
# detector, strace to count fsyncs, and Chromium for the journeys. It installs Debian's packages where it
# may (root, apt-get). Where it may not, it says what will be missing; under
# CI=true that is a failure.
set -euo pipefail
cd "$(dirname "$0")/.."

have_chromium() {
  local name
  for name in "${CHROME:-}" chromium chromium-browser google-chrome chrome; do
    [ -n "$name" ] && type -P "$name" >/dev/null && return 0
  done
  return 1
}

missing=()
tools/have-cc.sh || missing+=(gcc libc6-dev)
command -v strace >/dev/null || missing+=(strace)
have_chromium || missing+=(chromium)
[ "${#missing[@]}" -eq 0 ] && exit 0

if [ "$(id -u)" -eq 0 ] && command -v apt-get >/dev/null 2>&1; then
  echo "== installing ${missing[*]}"
  export DEBIAN_FRONTEND=noninteractive
  apt-get update -qq && apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null || true
fi

left=0
tools/have-cc.sh || { left=1; echo "MISSING: a C compiler. Tests run without the race detector; 'apt-get install gcc libc6-dev' brings it."; }
command -v strace >/dev/null || { left=1; echo "MISSING: strace. Fsyncs are not counted, only commits; 'apt-get install strace' brings it."; }
have_chromium || { left=1; echo "MISSING: Chromium. The browser journeys in e2e are skipped; 'apt-get install chromium' brings it, or set CHROME to one."; }
if [ "$left" -ne 0 ] && [ "${CI:-}" = true ]; then
  echo "FAILED: under CI nothing is skipped." >&2
  exit 1
fi
