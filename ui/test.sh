#!/bin/sh
# Checks the types of the tests, bundles them and runs them with node's own runner.
set -eu
cd "$(dirname "$0")"
out=node_modules/.tests
sh ./install.sh
rm -rf "$out"
node_modules/.bin/tsc --noEmit -p test
go tool esbuild test/*.test.ts --bundle --platform=node --format=esm --target=node20 \
	--jsx=automatic --jsx-import-source=preact \
	--outdir="$out" --out-extension:.js=.mjs --log-level=warning
node --test "$out"/*.mjs
