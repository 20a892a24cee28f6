#!/usr/bin/env bash
# Looks for known vulnerabilities in the code that the program really calls.
# The check needs govulncheck's database from the network: where that is out of
# reach the check did not happen, and this says so loudly. It never passes silently.
set -euo pipefail
cd "$(dirname "$0")/.."
vulncheck=(go tool -modfile=tools/go.mod govulncheck)
export CGO_ENABLED=0

# -version names the database's date only after reaching it.
if ! about=$(timeout 60 "${vulncheck[@]}" -version 2>&1) || ! grep -q '^DB updated:' <<<"$about"; then
  cat >&2 <<'END'
****************************************************************************
  NOT CHECKED for known vulnerabilities: govulncheck's database is out of
  reach from this machine. Run `make check` again where there is a network.
****************************************************************************
END
  sed 's/^/  | /' <<<"$about" | tail -n 5 >&2
  exit 0
fi
"${vulncheck[@]}" ./...
