# What scripts/ and test/cluster share: packages, the build, and throwaway clusters. To be sourced by bash.
#
# A script that sources this gets an EXIT trap that stops the cluster and removes what was put on the machine only for a
# while. Nothing here touches a cluster that it did not make itself.

set -euo pipefail

root_dir=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)

# The Debian releases, by the version of PostgreSQL that each has.
declare -A release_of_version=([15]=bookworm [17]=trixie [18]=forky)

# The version of PostgreSQL that this release has; elsewhere the newest one that is installed.
version_of_release() {
    local release version
    release=$(. /etc/os-release && echo "${VERSION_CODENAME:-}")
    for version in "${!release_of_version[@]}"; do
        if [[ ${release_of_version[$version]} == "$release" ]]; then
            echo "$version"
            return
        fi
    done
    version=$(find /usr/lib/postgresql -path '*/bin/pg_config' 2>/dev/null | cut -d / -f 5 | sort -n | tail -n 1)
    echo "${version:-18}"
}

# The caller's PostgreSQL settings must not lead to the caller's own server; the caller's pg_config stays in force.
pg_version=${PG_VERSION:-$(version_of_release)}
pg_config=${PG_CONFIG:-/usr/lib/postgresql/$pg_version/bin/pg_config}
unset "${!PG@}" MAKEFLAGS MAKELEVEL
export PG_CONFIG=$pg_config PG_VERSION=$pg_version PGCLIENTENCODING=UTF8 LC_ALL=C.UTF-8

# shellcheck disable=SC2034  # the lists are for scripts that source this
build_packages=("postgresql-$pg_version" "postgresql-server-dev-$pg_version" libcsv-dev libutf8proc-dev libfmt-dev g++
               make cmake libpq-dev libcurl4-openssl-dev libcli11-dev libtomlplusplus-dev nlohmann-json3-dev)
# shellcheck disable=SC2034
demo_packages=("${build_packages[@]}" python3)
# shellcheck disable=SC2034
server_check_packages=("${demo_packages[@]}" "postgresql-$pg_version-pgtap" libtap-parser-sourcehandler-pgtap-perl
                       python3-psycopg2 pgbouncer openssl)
# A Node of another origin than Debian has npm with it, and takes no package of that name beside it.
node_packages=()
command -v npm >/dev/null || node_packages=(nodejs npm)
# shellcheck disable=SC2034
check_packages=("${server_check_packages[@]}" clang clang-format libclang-rt-dev libgtest-dev postfix
                ca-certificates python3-psycopg "${node_packages[@]}")
# What the programs of examples/clients need that only scripts/campaign runs.
# shellcheck disable=SC2034
client_packages=(default-jdk-headless libpostgresql-jdbc-java php-cli php-pgsql ruby ruby-pg perl libdbd-pg-perl libpqxx-dev
                 golang-go golang-github-lib-pq-dev)

# The caller's standard error, also for what runs with its output in a log.
exec 4>&2

fail() {
    printf '%s\n' "$@" >&4
    exit 1
}

# ---- packages ------------------------------------------------------------------------------------------------------

as_root() {
    if ((EUID == 0)); then
        "$@"
    elif command -v sudo >/dev/null; then
        sudo "$@"
    else
        fail 'This needs root: run it as root, or install sudo.'
    fi
}

# Prints those of the given packages that are not installed.
missing_packages() {
    local package
    for package in "$@"; do
        [[ $(dpkg-query -W -f='${db:Status-Status}' "$package" 2>/dev/null) == installed ]] || printf '%s\n' "$package"
    done
}

# Installing a PostgreSQL server makes and starts a cluster "main", unless a file here says otherwise. It is there only
# while packages are being installed.
no_cluster_dir=/etc/postgresql-common/createcluster.d
no_cluster_file=$no_cluster_dir/customer_import_no_main_cluster.conf
no_cluster_file_made=
no_cluster_dir_made=

forbid_main_cluster() {
    if [[ ! -d $no_cluster_dir ]]; then
        no_cluster_dir_made=yes
        as_root mkdir -p "$no_cluster_dir" || return
    fi
    no_cluster_file_made=yes
    echo 'create_main_cluster = false' | as_root tee "$no_cluster_file" >/dev/null
}

allow_main_cluster() {
    [[ -n $no_cluster_file_made ]] || return 0
    no_cluster_file_made=
    as_root rm -f "$no_cluster_file"
    [[ -z $no_cluster_dir_made ]] || as_root rmdir --ignore-fail-on-non-empty "$no_cluster_dir"
}

# A package with a service would start it, now and at each boot: nothing here needs that. policy-rc.d answers for now.
service_policy=/usr/sbin/policy-rc.d
service_policy_made=

forbid_services() {
    [[ ! -e $service_policy ]] || return 0
    service_policy_made=yes
    printf '#!/bin/sh\nexit 101\n' | as_root tee "$service_policy" >/dev/null
    as_root chmod 755 "$service_policy"
}

allow_services() {
    [[ -n $service_policy_made ]] || return 0
    service_policy_made=
    as_root rm -f "$service_policy"
}

# A mail server that is installed for the tests gets no configuration: it takes no mail of this machine.
leave_mail_alone() {
    [[ " $* " == *' postfix '* ]] || return 0
    echo 'postfix postfix/main_mailer_type select No configuration' | as_root debconf-set-selections
}

# Services of the given packages, which were installed just now, stay off also at the next boot.
disable_services() {
    local package
    command -v systemctl >/dev/null || return 0
    for package in "$@"; do
        case $package in
            pgbouncer | postfix) as_root systemctl --quiet disable "$package.service" || true ;;
        esac
    done
}

apt_get() {
    as_root env DEBIAN_FRONTEND=noninteractive NEEDRESTART_SUSPEND=1 \
        apt-get -q -y -o Dpkg::Use-Pty=0 -o DPkg::Lock::Timeout=300 "$@" </dev/null
}

# Installs those of the given packages that are missing, and nothing if none is.
install_packages() {
    local missing
    mapfile -t missing < <(missing_packages "$@")
    ((${#missing[@]})) || return 0
    command -v apt-get >/dev/null || fail "This needs apt, or these packages: ${missing[*]}"
    apt_get update && forbid_main_cluster && forbid_services && leave_mail_alone "${missing[@]}" &&
        apt_get install --no-install-recommends --no-remove "${missing[@]}" || return
    allow_main_cluster
    allow_services
    disable_services "${missing[@]}"
}

# ---- build ---------------------------------------------------------------------------------------------------------

# Builds as the caller; only the installation needs root.
build_and_install() {
    [[ -x $PG_CONFIG ]] || fail "There is no $PG_CONFIG; name yours with PG_CONFIG=..."
    make -C "$root_dir" -j"$(nproc)" PG_CONFIG="$PG_CONFIG" &&
        as_root make -C "$root_dir" install PG_CONFIG="$PG_CONFIG"
}

# Builds the named targets of CMakeLists.txt as the caller, into build/cmake.
build_targets() {
    cmake -S "$root_dir" -B "$root_dir/build/cmake" -DCMAKE_BUILD_TYPE=Release &&
        cmake --build "$root_dir/build/cmake" --target "$@" --parallel "$(nproc)"
}

# Runs a command with its output in a file, and shows the end of that file only if the command fails. The functions
# that are run so end at their first failure by themselves: set -e does not hold where a result is asked for.
run_quietly() {
    local log=$1 result=0
    shift
    "$@" >"$log" 2>&1 || result=$?
    ((result == 0)) || tail -n 40 "$log" >&2
    return "$result"
}

# ---- throwaway clusters --------------------------------------------------------------------------------------------

cluster_dir=
cluster_log_copy=

# The server refuses to run as root, so root lets the user postgres run it.
as_server() {
    local switch=()
    ((EUID != 0)) || switch=(setpriv --reuid=postgres --regid=postgres --init-groups)
    (cd "$cluster_dir" && "${switch[@]}" "$@" </dev/null 3>&- 4>&-)
}

# Starts a new cluster and points PGHOST, PGPORT, PGUSER and PATH to it; it listens on a socket in its own directory,
# which no other user may enter. Arguments: further settings, name=value.
start_cluster() {
    local setting bin_dir
    bin_dir=$("$PG_CONFIG" --bindir) || fail "There is no $PG_CONFIG; name yours with PG_CONFIG=..."
    # Not TMPDIR: a path to a socket must be short, and the user postgres must be able to reach it.
    cluster_dir=$(mktemp -d /tmp/customer_import.XXXXXX)
    ((EUID != 0)) || chown postgres: "$cluster_dir"
    as_server "$bin_dir/initdb" --pgdata="$cluster_dir/data" --username=postgres --auth=trust --encoding=UTF8 \
        --locale=C.UTF-8 --no-sync >"$cluster_dir/initdb.log" 2>&1 || { cat "$cluster_dir/initdb.log" >&2; return 1; }
    for setting in "unix_socket_directories=$cluster_dir" listen_addresses= "$@"; do
        printf "%s = '%s'\n" "${setting%%=*}" "${setting#*=}"
    done >>"$cluster_dir/data/postgresql.conf"
    as_server "$bin_dir/pg_ctl" --pgdata="$cluster_dir/data" --log="$cluster_dir/server.log" --silent --wait start ||
        { cat "$cluster_dir/server.log" >&2; return 1; }
    export PATH="$bin_dir:$PATH" PGHOST="$cluster_dir" PGPORT=5432 PGUSER=postgres
}

stop_cluster() {
    [[ -n $cluster_dir ]] || return 0
    if [[ -e $cluster_dir/data/postmaster.pid ]]; then
        as_server "$("$PG_CONFIG" --bindir)/pg_ctl" --pgdata="$cluster_dir/data" --silent --mode=immediate stop || true
    fi
    if [[ -n $cluster_log_copy && -e $cluster_dir/server.log ]]; then
        cp --no-preserve=all "$cluster_dir/server.log" "$cluster_log_copy" || true
    fi
    rm -rf "$cluster_dir"
    cluster_dir=
}

# ---- suites --------------------------------------------------------------------------------------------------------

# Installs and builds what suites need.
prepare_check() {
    install_packages "${check_packages[@]}" && build_and_install && build_targets customer-import-mailer customer-import unit_tests
}

# The same for all programs of examples/clients.
prepare_clients() {
    install_packages "${client_packages[@]}" && prepare_check
}

# The same for those suites that are run with each version of the server.
prepare_server_check() {
    install_packages "${server_check_packages[@]}" && build_and_install
}

command_pids=()

# Starts a suite in the background, where Ctrl-C can end the waiting, against a throwaway cluster of its own; for at most so
# many seconds (0: no limit). Its process is the last of command_pids. The server's log is kept in LOG.
# Arguments: SECONDS LOG COMMAND...
start_limited() {
    local seconds=$1 log=$2
    shift 2
    timeout --kill-after=30 "$seconds" env --default-signal=INT,QUIT "$root_dir/test/cluster" -l "$log" -c fsync=off \
        -c synchronous_commit=off -c full_page_writes=off "$@" </dev/null &
    command_pids+=("$!")
}

stop_commands() {
    local pid
    for pid in "${command_pids[@]}"; do
        kill "$pid" 2>/dev/null || true
    done
    for pid in "${command_pids[@]}"; do
        wait "$pid" || true
    done
    command_pids=()
}

# ---- the end -------------------------------------------------------------------------------------------------------

clean_up() {
    trap '' INT TERM HUP
    stop_commands
    stop_cluster
    allow_main_cluster
    allow_services
}
trap clean_up EXIT
trap 'exit 130' INT
