// Recipes to copy into an app: where a device lies on iOS, what is kept out of backups, what is readable when.
import Fieldsync
import Foundation

/// Opens the one device of an app.
///
/// - The store lies in Application Support: what the system empties (Caches, tmp) is no place for work nobody else has.
/// - Its files are readable from the first unlocking after a start on (`completeUntilFirstUserAuthentication`): a stricter
///   class would let a background sync find its own store unreadable on a locked phone.
/// - The folder is out of backups. A backup restored onto a second phone would be a copy of this device; the engine finds
///   that out by its anchor and goes on as a new one, but there is nothing to gain from it.
public func openDevice(in support: URL, anchor: AnchorStore? = nil, key: KeyStore? = nil) throws -> Device {
    var folder = support.appendingPathComponent("fieldsync", isDirectory: true)
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    #if os(iOS)
    let readable = FileProtectionType.completeUntilFirstUserAuthentication
    try FileManager.default.setAttributes([.protectionKey: readable], ofItemAtPath: folder.path)
    #endif
    #if canImport(Darwin)
    var values = URLResourceValues()
    values.isExcludedFromBackup = true
    try folder.setResourceValues(values)
    #endif
    return try Device.open(options: OpenOptions(dir: folder.path), anchor: anchor, key: key)
}
