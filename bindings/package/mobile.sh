#!/usr/bin/env bash
# Builds the library a phone carries: mobile.sh cdylib|staticlib [ARGUMENT OF cargo rustc...]
#
# Alone and with the profile `mobile`: beside a Rust library cargo optimises nothing across crates. SQLite and zstd are
# built without what the engine never asks for. `./check size` builds this way for the computer it runs on, and plays the
# smoke test with it.
set -euo pipefail

PROJECT=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")/../.." && pwd)
kind=$1
shift

# What libsqlite3-sys switches on and no statement of the engine uses. Without the table for extensions the linker can
# also leave out the calls that nobody makes.
sqlite=(
    -USQLITE_ENABLE_FTS3 -USQLITE_ENABLE_FTS3_PARENTHESIS -USQLITE_ENABLE_RTREE -USQLITE_ENABLE_DBSTAT_VTAB
    -USQLITE_ENABLE_STAT4 -USQLITE_SOUNDEX -USQLITE_ENABLE_LOAD_EXTENSION -DSQLITE_OMIT_LOAD_EXTENSION
    -DSQLITE_OMIT_JSON -DSQLITE_OMIT_DEPRECATED -DSQLITE_OMIT_SHARED_CACHE -DSQLITE_OMIT_GET_TABLE
    -DSQLITE_OMIT_COMPLETE -DSQLITE_OMIT_TCL_VARIABLE -DSQLITE_OMIT_DESERIALIZE
)
# One decoder where zstd brings several for speed, and no texts of errors: the engine has its own.
zstd=(
    -DHUF_FORCE_DECOMPRESS_X1=1 -DZSTD_FORCE_DECOMPRESS_SEQUENCES_SHORT=1 -DZSTD_NO_INLINE=1
    -DZSTD_STRIP_ERROR_STRINGS=1 -DDYNAMIC_BMI2=0
)
# No panic comes by C code, so it needs no tables for unwinding: rusqlite catches what its callbacks throw.
plain=(-fno-asynchronous-unwind-tables -fno-unwind-tables)

export LIBSQLITE3_FLAGS="${sqlite[*]}" CFLAGS="${CFLAGS:-} ${zstd[*]} ${plain[*]}"
cd "$PROJECT"
exec cargo rustc --locked --profile mobile -p fieldsync-ffi --lib --crate-type "$kind" "$@"
