#!/usr/bin/env bash
# Builds the engine and writes what the Swift package needs beside its own sources: generate.sh
#
# Sources/FieldsyncCore and Sources/fieldsync_ffiFFI, from the library itself, and in .tools/swift the library and the
# programs that the tests run: the server and the technician's device in a terminal. Files that did not change keep their
# time, so that Swift builds only what it must. FIELDSYNC_FIGURES is the folder of library and server as they are shipped:
# `./check figures` sets it.
set -euo pipefail

PACKAGE=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")" && pwd)
PROJECT=$(cd -- "$PACKAGE/../.." && pwd)
OUT=$PROJECT/.tools/swift
cd "$PROJECT"

target=$(cargo metadata --locked --format-version 1 --no-deps | sed 's/.*"target_directory":"\([^"]*\)".*/\1/')
built=$target/debug
# The hooks make a panic on purpose, for the tests. The library for phones is built without them.
cargo build --locked --quiet -p fieldsync-ffi --features bindgen,test-hooks
cargo build --locked --quiet -p fieldsync-server --bin fieldsync-server
cargo build --locked --quiet -p fieldsync --example technician

put() { # put FILE FOLDER/NAME, unless it is there
    mkdir -p "$(dirname "$2")"
    # Never written over: a process that runs may have it mapped.
    cmp -s "$1" "$2" || { cp "$1" "$2.new" && mv "$2.new" "$2"; }
}

fresh=$(mktemp -d)
trap 'rm -rf "$fresh"' EXIT
(cd bindings && "$built/uniffi-bindgen" generate "$built/libfieldsync_ffi.so" \
    --language swift --out-dir "$fresh" --no-format)
put "$fresh/FieldsyncCore.swift" "$PACKAGE/Sources/FieldsyncCore/FieldsyncCore.swift"
put "$fresh/fieldsync_ffiFFI.h" "$PACKAGE/Sources/fieldsync_ffiFFI/fieldsync_ffiFFI.h"
put "$fresh/fieldsync_ffiFFI.modulemap" "$PACKAGE/Sources/fieldsync_ffiFFI/module.modulemap"
put "${FIELDSYNC_FIGURES:-$built}/libfieldsync_ffi.so" "$OUT/lib/libfieldsync_ffi.so"
put "${FIELDSYNC_FIGURES:-$built}/fieldsync-server" "$OUT/bin/fieldsync-server"
put "$built/examples/technician" "$OUT/bin/technician"
