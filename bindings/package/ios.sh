#!/usr/bin/env bash
# Packs the engine for iOS: ios.sh [--text] OUT
#
# Writes OUT/fieldsync_ffiFFI.xcframework (iPhone, and simulator on both kinds of Mac) and beside it the Swift package
# that uses it, ready to be copied or zipped. Needs macOS with Xcode and the Rust targets named below.
#
# NOT VERIFIED: this project had no Mac. What it could check, it does (bindings/swift/test-packaging.sh): with --text
# everything but the libraries is written, on any system, from the library that generate.sh built.
set -euo pipefail

PROJECT=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")/../.." && pwd)
PACKAGE=$PROJECT/bindings/swift
MODULE=fieldsync_ffiFFI
IOS_LEAST=15.0
export IPHONEOS_DEPLOYMENT_TARGET=$IOS_LEAST

fail() {
    echo "ios: $*" >&2
    exit 1
}

text=no
[ "${1:-}" != --text ] || { text=yes && shift; }
[ $# = 1 ] || fail "usage: ios.sh [--text] OUT"
mkdir -p "$1"
OUT=$(cd -- "$1" && pwd)
cd "$PROJECT"

if [ "$text" = no ]; then
    [ "$(uname)" = Darwin ] || fail "needs macOS with Xcode: Apple's SDK is nowhere else; --text writes all but the libraries"
    xcrun --sdk iphoneos --show-sdk-path >/dev/null 2>&1 ||
        fail "needs Xcode with the iOS SDK: install it, then sudo xcode-select --switch /Applications/Xcode.app"
    for triple in aarch64-apple-ios aarch64-apple-ios-sim x86_64-apple-ios; do
        rustup target list --installed | grep -qx "$triple" || fail "needs the Rust target: rustup target add $triple"
    done
fi

target=$(cargo metadata --locked --format-version 1 --no-deps | sed 's/.*"target_directory":"\([^"]*\)".*/\1/')
# The shipped library is stripped and says nothing about itself, so the code is generated from one for this computer.
if [ "$text" = yes ]; then
    host=$target/debug/libfieldsync_ffi.so
else
    cargo build --locked --quiet -p fieldsync-ffi --features bindgen
    host=$target/debug/libfieldsync_ffi.dylib
fi
[ -e "$host" ] || fail "needs the library: bindings/swift/generate.sh"

generate() { # generate OPTION... FOLDER
    (cd bindings && "$target/debug/uniffi-bindgen-swift" "${@:1:$#-1}" "$host" "${!#}")
}

# One folder a platform. The headers lie one level down, in a folder named after the module: the compiler looks there,
# and an app with two such frameworks does not get two files of one name. Without --module-name the map names another
# module than the generated code imports; --xcframework would make it the map of a framework bundle, which this is not.
frame=$OUT/$MODULE.xcframework
rm -rf "$frame"
for platform in ios-arm64 ios-arm64_x86_64-simulator; do
    mkdir -p "$frame/$platform/Headers/$MODULE"
    generate --headers "$frame/$platform/Headers/$MODULE"
    generate --modulemap --module-name "$MODULE" --modulemap-filename module.modulemap "$frame/$platform/Headers/$MODULE"
done

library() { # library FOLDER VARIANT ARCHITECTURE...
    local architecture
    printf '        <dict>\n'
    printf '            <key>BinaryPath</key>\n            <string>libfieldsync_ffi.a</string>\n'
    printf '            <key>HeadersPath</key>\n            <string>Headers</string>\n'
    printf '            <key>LibraryIdentifier</key>\n            <string>%s</string>\n' "$1"
    printf '            <key>LibraryPath</key>\n            <string>libfieldsync_ffi.a</string>\n'
    printf '            <key>SupportedArchitectures</key>\n            <array>\n'
    for architecture in "${@:3}"; do printf '                <string>%s</string>\n' "$architecture"; done
    printf '            </array>\n'
    printf '            <key>SupportedPlatform</key>\n            <string>ios</string>\n'
    [ -z "$2" ] || printf '            <key>SupportedPlatformVariant</key>\n            <string>%s</string>\n' "$2"
    printf '        </dict>\n'
}
{
    printf '<?xml version="1.0" encoding="UTF-8"?>\n'
    printf '<!DOCTYPE plist PUBLIC "-//Apple//DTD PLIST 1.0//EN" "http://www.apple.com/DTDs/PropertyList-1.0.dtd">\n'
    printf '<plist version="1.0">\n<dict>\n    <key>AvailableLibraries</key>\n    <array>\n'
    library ios-arm64 '' arm64
    library ios-arm64_x86_64-simulator simulator arm64 x86_64
    printf '    </array>\n    <key>CFBundlePackageType</key>\n    <string>XFWK</string>\n'
    printf '    <key>XCFrameworkFormatVersion</key>\n    <string>1.0</string>\n</dict>\n</plist>\n'
} >"$frame/Info.plist"

# The package: what is written by hand, the generated code, and no test.
mkdir -p "$OUT/Sources/FieldsyncCore"
cp -R "$PACKAGE/Sources/Fieldsync" "$OUT/Sources/"
generate --swift-sources "$OUT/Sources/FieldsyncCore"
cp "$PACKAGE/PrivacyInfo.xcprivacy" "$OUT/Sources/Fieldsync/"
cat >"$OUT/Package.swift" <<SWIFT
// swift-tools-version:6.0
import PackageDescription

let package = Package(
    name: "Fieldsync",
    platforms: [.iOS("$IOS_LEAST")],
    products: [.library(name: "Fieldsync", targets: ["Fieldsync"])],
    targets: [
        .binaryTarget(name: "$MODULE", path: "$MODULE.xcframework"),
        .target(
            name: "FieldsyncCore",
            dependencies: ["$MODULE"],
            swiftSettings: [.swiftLanguageMode(.v5)],
            linkerSettings: [.linkedFramework("Security"), .linkedFramework("SystemConfiguration")]
        ),
        .target(name: "Fieldsync", dependencies: ["FieldsyncCore"], resources: [.copy("PrivacyInfo.xcprivacy")]),
    ]
)
SWIFT
[ "$text" = no ] || { echo "ios: wrote the text of the package to $OUT, without libraries" && exit; }

for triple in aarch64-apple-ios aarch64-apple-ios-sim x86_64-apple-ios; do
    bindings/package/mobile.sh staticlib --target "$triple"
done
built() { echo "$target/$1/mobile/libfieldsync_ffi.a"; }
cp "$(built aarch64-apple-ios)" "$frame/ios-arm64/libfieldsync_ffi.a"
lipo -create "$(built aarch64-apple-ios-sim)" "$(built x86_64-apple-ios)" \
    -output "$frame/ios-arm64_x86_64-simulator/libfieldsync_ffi.a"
plutil -lint "$frame/Info.plist"
echo "ios: wrote the package to $OUT; nobody has tried it on a Mac yet, so build an app with it before you ship it"
