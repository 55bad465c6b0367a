# Debian roots of other releases, for their versions of PostgreSQL. To be sourced after scripts/lib.sh.
#
# A root is made by debootstrap once and used again. What runs in it sees its own files alone, and what is mounted in it is
# mounted in a namespace of its own: when the last process there ends, the mounts are gone.

roots_dir=${CUSTOMER_IMPORT_ROOTS:-/var/cache/customer_import}

# The Debian release that has this version of PostgreSQL.
release_of() {
    [[ -n ${release_of_version[$1]:-} ]] ||
        fail "No Debian release is known that has PostgreSQL $1; there are: $(printf '%s\n' "${!release_of_version[@]}" | sort | paste -sd ' ')"
    echo "${release_of_version[$1]}"
}

# Whether this machine permits a root at all.
may_have_roots() {
    as_root unshare --mount --pid --fork true 2>/dev/null && as_root chroot / true 2>/dev/null
}

# The mirror that this machine's packages come from.
debian_mirror() {
    { sed -n 's/^URIs: *\([^ ]*\).*/\1/p' /etc/apt/sources.list.d/*.sources
      sed -n 's/^deb \(\[[^]]*\] \)\?\([^ ]*\).*/\2/p' /etc/apt/sources.list /etc/apt/sources.list.d/*.list
    } 2>/dev/null | grep -v security | head -n 1
}

# Makes the root of a release, unless it is there: make_root RELEASE
make_root() {
    local release=$1 root=$roots_dir/$1 scripts
    [[ ! -e $root/.complete ]] || return 0
    scripts=$(mktemp -d)
    install_packages debootstrap && cp -a /usr/share/debootstrap/. "$scripts" || return
    # A release that this debootstrap does not know yet is made like the one that all come from.
    [[ -e $scripts/scripts/$release ]] || ln -s sid "$scripts/scripts/$release"
    as_root rm -rf "$root" && as_root mkdir -p "$roots_dir" &&
        as_root env DEBOOTSTRAP_DIR="$scripts" debootstrap --variant=minbase "$release" "$root" "$(debian_mirror)" || return
    rm -rf "$scripts"
    # It reaches packages as this machine does, and need not survive a power cut.
    apt-config dump --no-empty Acquire | as_root tee "$root/etc/apt/apt.conf.d/99host" >/dev/null &&
        echo force-unsafe-io | as_root tee "$root/etc/dpkg/dpkg.cfg.d/unsafe-io" >/dev/null &&
        as_root touch "$root/.complete"
}

# Puts the tree into the root, as git knows it, or all of it where there is no git. What was built there stays.
copy_tree_into() {
    local root=$1 list
    list=$(mktemp)
    if git -C "$root_dir" rev-parse --git-dir >/dev/null 2>&1; then
        git -C "$root_dir" ls-files -z --cached --others --exclude-standard
    else
        (cd "$root_dir" && find . -path ./build -prune -o -type f -print0)
    fi >"$list"
    as_root mkdir -p "$root/customer_import" &&
        as_root find "$root/customer_import" -mindepth 1 -maxdepth 1 ! -name build -exec rm -rf {} + || return
    (cd "$root_dir" && xargs -0 ls -d -- 2>/dev/null) <"$list" | tr '\n' '\0' |
        (cd "$root_dir" && tar --create --null --files-from=-) |
        as_root tar --extract --no-same-owner --directory="$root/customer_import"
    rm -f "$list"
}

# Runs a command in the root: in_root ROOT COMMAND... What is started there ends with it, and is told to if it is killed.
in_root() {
    local root=$1
    shift
    as_root cp -L /etc/resolv.conf "$root/etc/resolv.conf" 2>/dev/null || true
    # shellcheck disable=SC2016  # the inner shell expands it
    as_root unshare --mount --pid --fork --kill-child=TERM bash -c '
        root=$1; shift
        mount --make-rprivate / && mount -t proc proc "$root/proc" && mount --rbind /dev "$root/dev" || exit 125
        exec chroot "$root" env --ignore-environment PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin \
            HOME=/root LC_ALL=C.UTF-8 "$@"' in_root "$root" "$@"
}
