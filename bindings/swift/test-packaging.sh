#!/usr/bin/env bash
# Checks what can be checked of the iOS package without a Mac: test-packaging.sh. generate.sh goes first.
#
# The text of it is written; its Info.plist names what lies there; the compiler finds the module where it lies and the
# package's own sources compile against it; a Mac is asked for where one is needed.
set -euo pipefail

PACKAGE=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")" && pwd)
PROJECT=$(cd -- "$PACKAGE/../.." && pwd)
OUT=$PROJECT/.tools/swift/ios
cd "$PROJECT"

rm -rf "$OUT"
bindings/package/ios.sh --text "$OUT"
frame=$OUT/fieldsync_ffiFFI.xcframework

grep -q '^module fieldsync_ffiFFI {' "$frame"/ios-arm64/Headers/fieldsync_ffiFFI/module.modulemap
grep -q '^import fieldsync_ffiFFI$' "$OUT/Sources/FieldsyncCore/FieldsyncCore.swift"
cmp "$OUT/Sources/FieldsyncCore/FieldsyncCore.swift" "$PACKAGE/Sources/FieldsyncCore/FieldsyncCore.swift" ||
    { echo "packaging: the generated code is not that of the tests" >&2; exit 1; }

cat >"$OUT/look.swift" <<'SWIFT'
import Foundation

func list(_ path: String) throws -> [String: Any] {
    let data = try Data(contentsOf: URL(fileURLWithPath: path))
    return try PropertyListSerialization.propertyList(from: data, format: nil) as! [String: Any]
}
let frame = CommandLine.arguments[1]
let info = try list(frame + "/Info.plist")
precondition(info["CFBundlePackageType"] as? String == "XFWK" && info["XCFrameworkFormatVersion"] as? String == "1.0")
let libraries = info["AvailableLibraries"] as! [[String: Any]]
let folders = try FileManager.default.contentsOfDirectory(atPath: frame).filter { $0 != "Info.plist" }
precondition(Set(libraries.map { $0["LibraryIdentifier"] as! String }) == Set(folders))
for library in libraries {
    let folder = frame + "/" + (library["LibraryIdentifier"] as! String)
    precondition(FileManager.default.fileExists(atPath: folder + "/" + (library["HeadersPath"] as! String)))
    let architectures = (library["SupportedArchitectures"] as! [String]).joined(separator: "_")
    let variant = (library["SupportedPlatformVariant"] as? String).map { "-" + $0 } ?? ""
    precondition(folder.hasSuffix("/\(library["SupportedPlatform"]!)-\(architectures)\(variant)"))
}
let privacy = try list(CommandLine.arguments[2])
precondition(privacy["NSPrivacyTracking"] as? Bool == false)
SWIFT
# One compiler at a time: the generated file is large.
bindings/swift/toolchain.sh bash -euc '
    cd "$1"
    swiftc -o look look.swift
    ./look fieldsync_ffiFFI.xcframework Sources/Fieldsync/PrivacyInfo.xcprivacy
    headers=fieldsync_ffiFFI.xcframework/ios-arm64/Headers
    swiftc -swift-version 5 -package-name fieldsync -parse-as-library -I "$headers" -emit-module -module-name FieldsyncCore \
        -emit-module-path FieldsyncCore.swiftmodule Sources/FieldsyncCore/FieldsyncCore.swift
    swiftc -swift-version 6 -package-name fieldsync -parse-as-library -I "$headers" -I . -typecheck Sources/Fieldsync/*.swift
    swift package --package-path . describe >description
    grep -q "Name: fieldsync_ffiFFI" description
' _ "$OUT"

if [ "$(uname)" != Darwin ]; then
    said=$(bindings/package/ios.sh "$OUT" 2>&1) && { echo "packaging: it claims to pack without a Mac" >&2; exit 1; }
    case $said in *"needs macOS with Xcode"*) ;; *) echo "packaging: it does not say that it needs a Mac: $said" >&2; exit 1 ;; esac
fi
echo "packaging: 1 passed, 0 failed"
