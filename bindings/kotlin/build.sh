#!/usr/bin/env bash
# Builds the Kotlin packages from nothing and runs everything that is asked of them. `./build.sh --help` tells more.
set -euo pipefail
HERE=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")" && pwd) && cd -- "$HERE"
ROOT=$(cd ../.. && pwd)
OUT=$HERE/target
PROFILE=debug
CARGO_OUT=${CARGO_TARGET_DIR:-$ROOT/target}
PARTS=(library jvm style)

usage() {
    cat <<'HELP'
Usage: bindings/kotlin/build.sh [PART...]

Needs Rust, a C compiler, JDK 17 and Maven. Without names it runs every part.

  library     the engine, a server to test against, and the generated half of the bridge, into target/
  jvm         the JVM package and its tests against the real server
  style       ktlint on what is written by hand
HELP
}

say() { printf '\n== kotlin: %s\n' "$*"; }
fail() {
    echo "kotlin: $*" >&2
    exit 1
}

# Runs Maven on some of the modules: maven MODULES GOAL...
maven() {
    local modules=$1
    shift
    mvn --quiet --projects "$modules" "$@"
}

# The classpath of what a tool's pom names: tool NAME
tool() {
    local list=$OUT/tools/$1.classpath
    if [ ! -s "$list" ]; then
        mkdir -p "$OUT/tools"
        mvn --quiet --file "tools/$1.xml" org.apache.maven.plugins:maven-dependency-plugin:3.8.1:build-classpath \
            "-Dmdep.outputFile=$list" >&2
    fi
    cat "$list"
}

part_library() {
    # Test hooks are exports that panic on purpose; no library that is shipped has them.
    local flags=(--features bindgen,test-hooks)
    [ "$PROFILE" = debug ] || flags=(--features bindgen --profile "$PROFILE")
    (cd "$ROOT" && cargo build --locked -p fieldsync-ffi "${flags[@]}")
    # A server to sync with, and a program that writes the same stores.
    [ "$PROFILE" = debug ] && flags=() || flags=(--profile "$PROFILE")
    (cd "$ROOT" && cargo build --locked -p fieldsync-server --bin fieldsync-server "${flags[@]}")
    (cd "$ROOT" && cargo build --locked -p fieldsync --example technician "${flags[@]}")
    local built=$CARGO_OUT/$PROFILE flavour
    # Generated from the library as it was built: a stripped one says nothing about itself.
    rm -rf "$OUT/generated"
    for flavour in jvm android; do
        (cd "$ROOT" && "$built/uniffi-bindgen" generate "$built/libfieldsync_ffi.so" --language kotlin --no-format \
            --config "$HERE/$flavour.toml" --out-dir "$OUT/generated/$flavour")
    done
    mkdir -p "$OUT/native"
    strip --strip-all -o "$OUT/native/libfieldsync_ffi.so" "$built/libfieldsync_ffi.so"
    cp "$built/fieldsync-server" "$built/examples/technician" "$OUT/native/"
}

# Every @Test must have run: JUnit is silent about one it does not take for a test, Surefire about a class of another
# name. counted MODULE TIMES
counted() {
    local want ran
    want=$(($(grep -rhE '^\s*@Test\b' "$1/src/test/kotlin" | wc -l) * $2))
    ran=$(cat "$1"/target/surefire-reports/TEST-*.xml | grep -o '<testcase ' | wc -l)
    [ "$ran" = "$want" ] || fail "$1: $want tests are written, $ran ran"
    echo "Tests run: $ran, Failures: 0, Errors: 0, Skipped: 0 ($1)"
}

part_jvm() {
    rm -rf jvm/target/surefire-reports
    maven jvm package
    counted jvm 1
}

part_style() {
    java -cp "$(tool ktlint)" com.pinterest.ktlint.Main --relative '*/src/**/*.kt' 'harness/*.kt'
}

for part in "$@"; do
    case "$part" in
        -h | --help | help) usage && exit 0 ;;
        *) declare -F "part_$part" >/dev/null || fail "there is no part $part; --help lists them" ;;
    esac
done
[ $# -gt 0 ] || set -- "${PARTS[@]}"
for part in "$@"; do
    say "$part"
    "part_$part"
done
