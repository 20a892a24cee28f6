#!/usr/bin/env bash
# Regenerates the committed generated code and fails if a file changed, was
# added or vanished. It compares with the tree as it is, committed or not.
set -euo pipefail
cd "$(dirname "$0")/.."
make=${1:-make}

state() {
  if git rev-parse --is-inside-work-tree >/dev/null 2>&1; then
    git ls-files -z --cached --others --exclude-standard
  else
    find . -type f -not -path './node_modules/*' -not -path './static/dist/*' -not -path './bin/*' -not -path './data/*' -print0
  fi | sort -zu | while IFS= read -r -d '' file; do
    [ -f "$file" ] && printf '%s\0' "$file"
  done | xargs -0 -r sha256sum
}

before=$(state)
"$make" --no-print-directory generate
after=$(state)
if [ "$before" != "$after" ]; then
  echo "Generated code was not up to date. It has been regenerated; look at these files and commit them:" >&2
  diff <(echo "$before") <(echo "$after") | awk '/^[<>]/ { print "  " $3 }' | sort -u >&2
  exit 1
fi
