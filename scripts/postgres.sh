#!/usr/bin/env bash
# Runs a command beside a private PostgreSQL server, and ends the server after
# it: scripts/postgres.sh go test ./internal/store/...
#
# The command finds the server's URL in SWITCHBOARD_TEST_POSTGRES. If that is
# set already, the command is run as it is. The server listens on a free port of
# the loopback address, keeps its files in a temporary directory, and is an
# ordinary process of an unprivileged user. PostgreSQL is installed by apt when
# it is missing and that is permitted.
#
# Exit status: that of the command; 125 when there is no PostgreSQL.
set -euo pipefail

if [ $# -eq 0 ]; then
	sed -n '2,/^set /{/^set /d;s/^# \{0,1\}//;p}' "$0"
	exit 2
fi
if [ -n "${SWITCHBOARD_TEST_POSTGRES:-}" ]; then
	exec "$@"
fi

fail() {
	echo "postgres.sh: $*" >&2
	exit 125
}

# Debian keeps the server's programs out of PATH. The highest version wins.
programs() {
	local dir
	for dir in $(printf '%s\n' /usr/lib/postgresql/*/bin | sort -rV) "$(dirname "$(command -v initdb || echo /nowhere/x)")"; do
		if [ -x "$dir/initdb" ] && [ -x "$dir/postgres" ]; then
			echo "$dir"
			return
		fi
	done
}

bin=$(programs)
if [ -z "$bin" ]; then
	[ "$(id -u)" = 0 ] && command -v apt-get >/dev/null || fail "PostgreSQL is not installed (Debian: apt-get install postgresql)"
	# Without create_main_cluster the package would start a server of its own.
	mkdir -p /etc/postgresql-common
	[ -e /etc/postgresql-common/createcluster.conf ] ||
		echo 'create_main_cluster = false' >/etc/postgresql-common/createcluster.conf
	{ apt-get update && DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends postgresql; } >&2 ||
		fail "PostgreSQL could not be installed"
	bin=$(programs)
	[ -n "$bin" ] || fail "PostgreSQL was installed, but its programs were not found"
fi

# The server refuses to run as root.
as=()
if [ "$(id -u)" = 0 ]; then
	user=nobody
	id postgres >/dev/null 2>&1 && user=postgres
	as=(setpriv --reuid="$user" --regid="$(id -g "$user")" --clear-groups env HOME=/nonexistent)
fi

dir=$(mktemp -d "${TMPDIR:-/tmp}/switchboard-postgres.XXXXXX")
server=
finish() {
	if [ -n "$server" ]; then
		kill -INT "$server" 2>/dev/null || true # "fast" shutdown: ends sessions
		wait "$server" 2>/dev/null || true
	fi
	rm -rf "$dir"
}
trap finish EXIT
trap 'exit 130' INT
trap 'exit 143' TERM
[ ${#as[@]} -eq 0 ] || chown "$user" "$dir"
cd "$dir"

password=$(od -An -N16 -tx1 /dev/urandom | tr -d ' \n')
printf '%s\n' "$password" >"$dir/password"
[ ${#as[@]} -eq 0 ] || chown "$user" "$dir/password"
chmod 600 "$dir/password"
"${as[@]}" "$bin/initdb" --pgdata="$dir/data" --username=switchboard --pwfile="$dir/password" \
	--auth=scram-sha-256 --encoding=UTF8 --locale=C.UTF-8 --no-instructions >"$dir/initdb.log" 2>&1 ||
	{ cat "$dir/initdb.log" >&2; fail "initdb failed"; }

# A free port can be taken by somebody else before the server has it: then try
# another.
ready=
for _ in 1 2 3 4 5; do
	port=$((20000 + RANDOM % 12000))
	# fsync is off because a lost test database is no loss.
	"${as[@]}" "$bin/postgres" -D "$dir/data" -c listen_addresses=127.0.0.1 -c port="$port" \
		-c unix_socket_directories= -c fsync=off -c max_connections=200 >"$dir/server.log" 2>&1 &
	server=$!
	for _ in $(seq 300); do
		if "$bin/pg_isready" -q -h 127.0.0.1 -p "$port" && kill -0 "$server" 2>/dev/null; then
			ready=yes
			break 2
		fi
		kill -0 "$server" 2>/dev/null || break
		sleep 0.1
	done
	kill -INT "$server" 2>/dev/null || true
	wait "$server" 2>/dev/null || true
	server=
done
[ -n "$ready" ] || { cat "$dir/server.log" >&2; fail "the server did not start"; }

export SWITCHBOARD_TEST_POSTGRES="postgres://switchboard:$password@127.0.0.1:$port/postgres?sslmode=disable"
cd "$OLDPWD"
status=0
"$@" || status=$?
exit "$status"
