#!/usr/bin/env bash
# Builds the engine for the four Android ABIs into target/jni and packs the AAR with them.
#
# NOT VERIFIED HERE: no machine of this project has the NDK. What was checked is that the script stops with a clear
# message without it, and the flag for 16 KB pages with its check, on this machine's own library.
set -euo pipefail
cd -- "$(dirname -- "${BASH_SOURCE[0]}")"
ROOT=$(cd ../.. && pwd)
API=26
PAGE=16384
ABIS=(arm64-v8a:aarch64-linux-android armeabi-v7a:armv7-linux-androideabi x86_64:x86_64-linux-android x86:i686-linux-android)

fail() {
    echo "package-android: $*" >&2
    exit 1
}

# Every loaded segment must begin at a multiple of the page, or phones with 16 KB pages refuse the library.
check_alignment() { # LIBRARY
    local align
    for align in $(readelf -lW "$1" | awk '$1 == "LOAD" { print $NF }'); do
        [ $((align)) -ge "$PAGE" ] || fail "$1 is aligned to $align, not to $PAGE"
    done
}

# What the host can show: the flag gives the alignment, and the check fails without it.
if [ "${1:-}" = --check-alignment ]; then
    check_alignment "$2"
    echo "package-android: $2 is aligned to 16 KB"
    exit
fi

NDK=${ANDROID_NDK_HOME:-${ANDROID_NDK_ROOT:-}}
[ -n "$NDK" ] || fail "needs the Android NDK (r27 or newer). Set ANDROID_NDK_HOME to its folder"
host=$(echo "$NDK"/toolchains/llvm/prebuilt/*)
[ -x "$host/bin/clang" ] || fail "there is no compiler in $NDK/toolchains/llvm/prebuilt: is ANDROID_NDK_HOME the NDK's own folder?"
command -v rustup >/dev/null || fail "needs rustup, to add Rust's Android targets"
[ -d android/target/classes/com ] || fail "there are no classes yet: run bindings/kotlin/build.sh library android first"

rm -rf target/jni
for pair in "${ABIS[@]}"; do
    abi=${pair%%:*} target=${pair#*:}
    # NDK's clang calls 32-bit ARM by another name than Rust does.
    clang=$host/bin/${target/armv7-/armv7a-}$API-clang
    [ -x "$clang" ] || fail "the NDK has no $clang: it is too new or too old for API $API"
    rustup target add "$target"
    upper=$(tr 'a-z-' 'A-Z_' <<<"$target") lower=${target//-/_}
    # Packed relocations of a kind that Android knows since API 23; the newer kind, which Linux has, needs API 28.
    env -u RUSTFLAGS "CARGO_TARGET_${upper}_LINKER=$clang" "CC_$lower=$clang" "AR_$lower=$host/bin/llvm-ar" \
        "$ROOT/bindings/package/mobile.sh" cdylib --target "$target" -- \
        -C link-arg=-Wl,-z,max-page-size=$PAGE -C link-arg=-Wl,--pack-dyn-relocs=android
    library=${CARGO_TARGET_DIR:-$ROOT/target}/$target/mobile/libfieldsync_ffi.so
    check_alignment "$library"
    mkdir -p "target/jni/$abi"
    cp "$library" "target/jni/$abi/"
done
tools/pack-aar.sh "$PWD/target/fieldsync.aar"
echo "package-android: target/fieldsync.aar holds ${#ABIS[@]} ABIs. Not verified on a phone by this project"
