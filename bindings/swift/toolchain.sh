#!/usr/bin/env bash
# Runs a command with a Swift compiler: toolchain.sh COMMAND...
#
# Where `swift` is on the path it runs there. Elsewhere, on Debian and as root, it runs in a folder with the next Debian,
# which has Swift 6: .tools/trixie of this project, 2.7 GB, made once in about a minute and a half. Project and current
# folder lie at the same paths inside. What the command starts ends with it, nothing stays mounted, and a set-up that
# was interrupted begins anew the next time.
#
# Exit status: the command's; 77 with a reason on the last line when there is no way to a compiler here.
set -euo pipefail

PROJECT=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")/../.." && pwd)
FOLDER=$PROJECT/.tools/trixie
# The compiler with what it links against; OpenSSL is what the tests verify signatures with.
PACKAGES="swiftlang libc6-dev libstdc++-14-dev git libssl-dev"
NOT_HERE=77

not_here() {
    echo "$*" >&2
    exit "$NOT_HERE"
}

# One value of apt's own configuration.
apt_value() { apt-config shell value "$1" | sed -n "s/^value='\(.*\)'$/\1/p"; }

# Where apt gets Debian itself from.
mirror() {
    apt-get indextargets --format '$(LABEL) $(COMPONENT) $(REPO_URI)' 'Created-By: Packages' |
        awk '$1 == "Debian" && $2 == "main" { print $3; exit }'
}

set_up() {
    local part=$FOLDER.part from proxy
    command -v apt-get >/dev/null || not_here "needs Swift 6 on the path, or Debian, where it can be set up"
    [ "$(id -u)" = 0 ] || not_here "needs Swift 6 on the path, or root to set it up"
    [ -n "$(mirror)" ] || apt-get update -qq >/dev/null || not_here "apt-get update failed"
    from=$(mirror)
    [ -n "$from" ] || not_here "apt knows no source of Debian"
    command -v debootstrap >/dev/null ||
        DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends debootstrap >/dev/null ||
        { apt-get update -qq >/dev/null &&
            DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends debootstrap >/dev/null; } ||
        not_here "apt-get install debootstrap failed"
    proxy=$(apt_value Acquire::http::Proxy/)
    [ -z "$proxy" ] || export http_proxy="$proxy"

    echo "swift: setting up a compiler in ${FOLDER#"$PROJECT"/} (once)"
    # Nothing is mounted in here: mounts live in namespaces that end with their command, see below.
    rm -rf --one-file-system "$part"
    mkdir -p "$part"
    # In a namespace of its own, so that what debootstrap mounts is gone even when it is killed.
    unshare --mount --propagation private -- \
        debootstrap --variant=minbase trixie "$part" "$from" >"$FOLDER.log" 2>&1 ||
        not_here "debootstrap failed, see ${FOLDER#"$PROJECT"/}.log"
    apt-config dump --no-empty --format '%f "%v";%n' Acquire | grep -v IndexTargets >"$part/etc/apt/apt.conf.d/00host"
    cp /etc/resolv.conf "$part/etc/resolv.conf"
    enter "$part" / "apt-get update -qq && apt-get install -y -qq --no-install-recommends $PACKAGES && apt-get clean" \
        >>"$FOLDER.log" 2>&1 || not_here "apt-get install $PACKAGES failed, see ${FOLDER#"$PROJECT"/}.log"
    echo "$PACKAGES" >"$part/.packages"
    rm -rf --one-file-system "$FOLDER"
    mv "$part" "$FOLDER"
}

# Runs a shell command inside a folder, and ends it with this script: enter FOLDER WHERE COMMAND.
enter() {
    local child status=0
    inside "$@" <&0 &
    child=$!
    trap 'kill -KILL "$child"' INT TERM HUP
    wait "$child" || status=$?
    trap - INT TERM HUP
    return "$status"
}

# The namespaces take mounts and processes with them.
inside() {
    mkdir -p "$1$PROJECT" "$1$PWD"
    exec unshare --mount --propagation private --pid --fork --kill-child -- bash -euc '
        mount -t proc proc "$1/proc"
        mount --bind /dev "$1/dev"
        mount --bind "$4" "$1$4"
        [ "$4" = "$5" ] || [ "${5#"$4"/}" != "$5" ] || mount --bind "$5" "$1$5"
        settings=(HOME=/root PATH=/usr/bin:/bin:/usr/sbin:/sbin LANG=C.UTF-8 DEBIAN_FRONTEND=noninteractive)
        while IFS= read -r line; do settings+=("$line"); done < <(env | grep "^FIELDSYNC[A-Z_]*=" || true)
        exec chroot "$1" env -i "${settings[@]}" bash -c "cd \"\$1\" && $3" _ "$2"
    ' _ "$1" "$2" "$3" "$PROJECT" "$PWD"
}

[ $# -gt 0 ] || { sed -n '2,9s/^# \{0,1\}//p' "${BASH_SOURCE[0]}"; exit 2; }
if command -v swift >/dev/null; then exec "$@"; fi

mkdir -p "$PROJECT/.tools"
exec 9>"$FOLDER.lock"
flock 9
[ "$(cat "$FOLDER/.packages" 2>/dev/null)" = "$PACKAGES" ] || set_up
exec 9>&-
enter "$FOLDER" "$PWD" "$(printf '%q ' "$@")"
