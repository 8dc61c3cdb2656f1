// Package web owns the pages that the server shows to browsers: it embeds what ui/build.sh made, says so when nothing was
// made, and serves the files with the caching and security headers they need.
//
// The handler is immutable after it was made and may be called from any goroutine. The package knows files and HTTP
// only; it must not know sessions, rooms, media or any protocol.
package web

import (
	"embed"
	"fmt"
	"io/fs"
)

//go:embed all:dist
var built embed.FS

//go:embed unbuilt
var unbuilt embed.FS

// Files returns the pages: index.html, one folder a page, and assets/ with content-hashed names. In a binary that was
// compiled before the pages were built there is one index.html that says so. It may be called by anyone, at any time.
func Files() fs.FS {
	if Built() {
		return mustSub(built, "dist")
	}
	return mustSub(unbuilt, "unbuilt")
}

// Built tells whether the pages were built before the binary was compiled, so that whoever starts the server can say so.
func Built() bool {
	_, err := fs.Stat(built, "dist/index.html")
	return err == nil
}

// mustSub returns a folder of an embedded tree; the name is a constant of this file, so it cannot be missing.
func mustSub(tree embed.FS, folder string) fs.FS {
	sub, err := fs.Sub(tree, folder)
	if err != nil {
		panic(fmt.Sprintf("web: folder %q: %v", folder, err))
	}
	return sub
}
