// A recipe to copy into an app: a small secret in the Keychain of this phone alone.
#if canImport(Security)
import Fieldsync
import Foundation
import Security

/// Keeps the device's anchor in the Keychain: `ThisDeviceOnly`, so that it travels in no backup and to no other phone,
/// and `AfterFirstUnlock`, so that a background sync on a locked phone can read it.
///
/// An item of the Keychain outlives the app. After a new installation the store is new as well and the old anchor means
/// nothing to it, so nothing has to be cleared.
public struct KeychainAnchor: AnchorStore {
    private let account: String

    /// - Parameter account: Tells several devices of one app apart, as its folders do.
    public init(account: String = "device") { self.account = account }

    public func load() throws -> Data? {
        var query = item
        query[kSecReturnData] = true
        query[kSecMatchLimit] = kSecMatchLimitOne
        var found: CFTypeRef?
        switch SecItemCopyMatching(query as CFDictionary, &found) {
        case errSecSuccess: return found as? Data
        case errSecItemNotFound: return nil
        case let status: throw CallbackError.Failed(reason: "keychain \(status)")
        }
    }

    public func save(value: Data) throws {
        let changed = SecItemUpdate(item as CFDictionary, [kSecValueData: value] as CFDictionary)
        guard changed == errSecItemNotFound else { return try check(changed) }
        var new = item
        new[kSecValueData] = value
        new[kSecAttrAccessible] = kSecAttrAccessibleAfterFirstUnlockThisDeviceOnly
        try check(SecItemAdd(new as CFDictionary, nil))
    }

    private var item: [CFString: Any] {
        [kSecClass: kSecClassGenericPassword, kSecAttrService: "fieldsync.anchor", kSecAttrAccount: account]
    }

    private func check(_ status: OSStatus) throws {
        if status != errSecSuccess { throw CallbackError.Failed(reason: "keychain \(status)") }
    }
}
#endif
