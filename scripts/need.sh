#!/usr/bin/env bash
# Prints the path of a program, and installs its Debian packages first when it is
# missing and that is permitted: scripts/need.sh chromium:chromium
# scripts/need.sh gcc:gcc+libc6-dev
#
# Exit status: 0 when the program is there.
set -euo pipefail

if [ $# -ne 1 ] || [[ $1 != *:* ]]; then
	echo "usage: need.sh PROGRAM:PACKAGE[+PACKAGE]" >&2
	exit 2
fi
program=${1%%:*}
IFS=+ read -ra packages <<<"${1#*:}"

if ! command -v "$program" >/dev/null; then
	if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null; then
		echo "need.sh: $program is missing; as root: apt-get install ${packages[*]}" >&2
		exit 1
	fi
	echo "need.sh: installing ${packages[*]}" >&2
	{
		apt-get -q update
		DEBIAN_FRONTEND=noninteractive apt-get -q install -y --no-install-recommends "${packages[@]}"
	} >&2
fi
command -v "$program"
