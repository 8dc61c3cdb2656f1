#!/bin/sh
# Builds the pages into ../internal/web/dist, where the server embeds them.
set -eu
cd "$(dirname "$0")"
dist=../internal/web/dist

sh ./install.sh
node_modules/.bin/tsc --noEmit

# Assets carry a hash of their content in their names, so that browsers may keep
# them for ever; the pages name the current ones and are asked for every time.
rm -rf "$dist/assets" "$dist/index.html" "$dist/rooms" "$dist/loops" "$dist/favicon.svg"
mkdir -p "$dist/assets" "$dist/rooms" "$dist/loops"
go tool esbuild rooms=src/rooms/main.tsx loops=src/loops/main.tsx start=src/start/start.css \
	--bundle --minify --target=es2022 --format=esm \
	--jsx=automatic --jsx-import-source=preact \
	--outdir="$dist/assets" --entry-names='[name]-[hash]' \
	--log-level=warning

# asset EXTENSION-GLOB prints the hashed name of one built file.
asset() {
	set -- "$dist"/assets/$1
	[ $# -eq 1 ] && [ -f "$1" ] || { echo "build.sh: expected one file, got: $*" >&2; exit 1; }
	basename "$1"
}
for page in rooms loops; do
	sed -e "s|@$page.js@|/assets/$(asset "$page-*.js")|" -e "s|@$page.css@|/assets/$(asset "$page-*.css")|" \
		"src/$page/index.html" >"$dist/$page/index.html"
done
sed -e "s|@start.css@|/assets/$(asset 'start-*.css')|" src/start/index.html >"$dist/index.html"
cp src/favicon.svg "$dist/favicon.svg"
