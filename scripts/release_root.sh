# Debian roots of other releases, for their PostgreSQL versions. To be sourced after scripts/lib.sh.
#
# A root is made by debootstrap once and used again. Nothing of it runs outside of it, and what is mounted in it is mounted
# in a namespace of its own: when the last process in it ends, the mounts are gone.

roots_dir=${CUSTOMER_IMPORT_ROOTS:-/var/cache/customer_import}

# The Debian release that has this version of PostgreSQL.
release_of() {
    case $1 in
        15) echo bookworm ;;
        17) echo trixie ;;
        18) echo forky ;;
        *) fail "There is no Debian release with PostgreSQL $1 in this list: 15, 17, 18." ;;
    esac
}

# Whether this machine lets us have a root at all.
may_have_roots() {
    as_root unshare --mount true 2>/dev/null && as_root chroot / true 2>/dev/null
}

# The mirror that this machine's packages come from.
debian_mirror() {
    { sed -n 's/^URIs: *\([^ ]*\).*/\1/p' /etc/apt/sources.list.d/*.sources
      sed -n 's/^deb \(\[[^]]*\] \)\?\([^ ]*\).*/\2/p' /etc/apt/sources.list /etc/apt/sources.list.d/*.list
    } 2>/dev/null | grep -v security | head -n 1
}

# Makes the root of a release: make_root RELEASE
make_root() {
    local release=$1 root=$roots_dir/$1 scripts
    scripts=$(mktemp -d)
    install_packages debootstrap && cp -a /usr/share/debootstrap/. "$scripts" || return
    # A release that this debootstrap does not know yet is made like the one that all come from.
    [[ -e $scripts/scripts/$release ]] || ln -s sid "$scripts/scripts/$release"
    as_root rm -rf "$root.new" && as_root mkdir -p "$roots_dir" &&
        as_root env DEBOOTSTRAP_DIR="$scripts" debootstrap --variant=minbase "$release" "$root.new" "$(debian_mirror)" || return
    rm -rf "$scripts"
    # It reaches packages as this machine does, starts no service, and needs not survive a power cut.
    apt-config dump --no-empty Acquire | as_root tee "$root.new/etc/apt/apt.conf.d/99host" >/dev/null &&
        printf '#!/bin/sh\nexit 101\n' | as_root tee "$root.new/usr/sbin/policy-rc.d" >/dev/null &&
        as_root chmod 755 "$root.new/usr/sbin/policy-rc.d" &&
        echo force-unsafe-io | as_root tee "$root.new/etc/dpkg/dpkg.cfg.d/unsafe-io" >/dev/null &&
        as_root mv "$root.new" "$root"
}

# Puts the tree into the root: what git knows of it, or all of it where there is no git.
copy_tree_into() {
    local root=$1
    as_root rm -rf "$root/customer_import" && as_root mkdir -p "$root/customer_import" || return
    if git -C "$root_dir" rev-parse --git-dir >/dev/null 2>&1; then
        git -C "$root_dir" ls-files -z --cached --others --exclude-standard
    else
        (cd "$root_dir" && find . -type f -print0)
    fi | (cd "$root_dir" && tar --create --null --files-from=- --ignore-failed-read) |
        as_root tar --extract --no-same-owner --directory="$root/customer_import"
}

# Runs a command in the root, at the top of the tree: in_root ROOT COMMAND...
in_root() {
    local root=$1
    shift
    as_root cp -L /etc/resolv.conf "$root/etc/resolv.conf" 2>/dev/null || true
    # shellcheck disable=SC2016  # the inner shell expands it
    as_root unshare --mount bash -c '
        root=$1; shift
        mount --make-rprivate / && mount -t proc proc "$root/proc" && mount --rbind /dev "$root/dev" || exit 125
        exec chroot "$root" env --ignore-environment PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin \
            HOME=/root LC_ALL=C.UTF-8 "$@"' in_root "$root" "$@"
}
