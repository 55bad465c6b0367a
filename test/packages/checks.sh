# shellcheck shell=bash disable=SC2154
# What the scripts that run in a root share. To be sourced by bash.

set -euo pipefail
export DEBIAN_FRONTEND=noninteractive

# Runs a command, and prints whether it succeeded and how long it took; its output only if it failed. The output stays in
# the file $output until the next check: check NAME COMMAND...
output=$(mktemp)
check() {
    local name=$1 started=$SECONDS
    shift
    if "$@" >"$output" 2>&1; then
        echo "ok - PostgreSQL $version: $name ($((SECONDS - started)) s)"
    else
        echo "not ok - PostgreSQL $version: $name"
        tail -n 60 "$output" | sed 's/^/    /'
    fi
}

# check_equal NAME EXPECTED COMMAND...
check_equal() {
    local name=$1 expected=$2 actual
    shift 2
    actual=$("$@" 2>&1) || true
    if [[ $actual == "$expected" ]]; then
        echo "ok - PostgreSQL $version: $name"
    else
        echo "not ok - PostgreSQL $version: $name"
        printf '    expected: %s\n    actual:   %s\n' "$expected" "$actual"
    fi
}

apt_get() {
    apt-get -q -y -o Dpkg::Use-Pty=0 "$@" </dev/null
}
