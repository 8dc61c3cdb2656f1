#!/usr/bin/env bash
# Runs every fuzz target of the module for the given time, one after the other,
# and prints go test -json: scripts/fuzz.sh 3000x
#
# Exit status: that of the first target that failed, after all have run.
set -euo pipefail

if [ $# -ne 1 ]; then
	echo "usage: fuzz.sh TIME" >&2
	exit 2
fi
status=0
while IFS=: read -r file target; do
	go test -json -run '^$' -fuzz "^$target\$" -fuzztime "$1" -fuzzminimizetime 10x -timeout 2h "./$(dirname "$file")" || status=$?
done < <(grep -roE --include='*_test.go' --exclude-dir=node_modules '^func Fuzz[A-Za-z0-9_]+' internal test | sed 's/func //' | sort)
exit "$status"
