#!/usr/bin/env bash
# Packs the AAR: pack-aar.sh OUT.aar. The same classes give the same bytes: fixed times, fixed order.
#
# The native libraries come from package-android.sh, which needs the NDK; without them the AAR says so in its name for
# nobody: it is packed without the folder jni, and an app that uses it fails to load the library.
set -euo pipefail
cd -- "$(dirname -- "${BASH_SOURCE[0]}")/.."
OUT=$1
WHEN=1980-01-01T00:00:02Z
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cp aar/AndroidManifest.xml aar/proguard.txt "$work/"
cp -r aar/res "$work/res"
jar --create --no-manifest --date="$WHEN" --file "$work/classes.jar" -C android/target/classes com
# Kept beside the classes: which resources there are, for the app's own R class.
printf 'int xml fieldsync_data_extraction_rules 0x0\nint xml fieldsync_full_backup_content 0x0\n' >"$work/R.txt"
[ -d target/jni ] && cp -r target/jni "$work/jni"
find "$work" -exec touch -d "$WHEN" {} +
rm -f "$OUT"
(cd "$work" && find . -type f | LC_ALL=C sort | TZ=UTC zip -qX -@ "$OUT")
