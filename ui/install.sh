#!/bin/sh
# Fetches what the pages are made with, if the lock file has changed since it was last done.
set -eu
cd "$(dirname "$0")"
stamp=node_modules/.lock-installed

if ! cmp -s package-lock.json "$stamp"; then
	npm ci --ignore-scripts --no-audit --no-fund --loglevel=error
	cp package-lock.json "$stamp"
fi
