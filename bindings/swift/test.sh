#!/usr/bin/env bash
# Runs the tests of the Swift package: test.sh [ARGUMENT OF swift test...]. generate.sh goes first.
set -euo pipefail

PACKAGE=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")" && pwd)
OUT=$(cd -- "$PACKAGE/../.." && pwd)/.tools/swift
cd "$PACKAGE"

./toolchain.sh env LD_LIBRARY_PATH="$OUT/lib" \
    swift test --disable-xctest --scratch-path "$OUT/build" -Xlinker "-L$OUT/lib" "$@"
