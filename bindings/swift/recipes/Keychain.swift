// Recipes to copy into an app: two small secrets in the Keychain of this phone alone.
#if canImport(Security)
import Fieldsync
import Foundation
import Security

/// One item of the Keychain: `ThisDeviceOnly`, so that it travels in no backup and to no other phone, and
/// `AfterFirstUnlock`, so that a background sync on a locked phone can read it.
struct KeychainItem {
    let service: String
    let account: String

    /// The item, or none when there is none.
    func read() throws(KeychainError) -> Data? {
        var query = item
        query[kSecReturnData] = true
        query[kSecMatchLimit] = kSecMatchLimitOne
        var found: CFTypeRef?
        switch SecItemCopyMatching(query as CFDictionary, &found) {
        case errSecSuccess:
            guard let data = found as? Data else { throw KeychainError(status: errSecDecode) }
            return data
        case errSecItemNotFound: return nil
        case let status: throw KeychainError(status: status)
        }
    }

    /// Writes the item in place of the one that may be there.
    func write(_ value: Data) throws(KeychainError) {
        let changed = SecItemUpdate(item as CFDictionary, [kSecValueData: value] as CFDictionary)
        guard changed == errSecItemNotFound else { return try check(changed) }
        var new = item
        new[kSecValueData] = value
        new[kSecAttrAccessible] = kSecAttrAccessibleAfterFirstUnlockThisDeviceOnly
        try check(SecItemAdd(new as CFDictionary, nil))
    }

    /// Deletes the item, if there is one.
    func delete() throws(KeychainError) {
        let deleted = SecItemDelete(item as CFDictionary)
        if deleted != errSecItemNotFound { try check(deleted) }
    }

    private var item: [CFString: Any] {
        [kSecClass: kSecClassGenericPassword, kSecAttrService: service, kSecAttrAccount: account]
    }

    private func check(_ status: OSStatus) throws(KeychainError) {
        if status != errSecSuccess { throw KeychainError(status: status) }
    }
}

/// What the Keychain answered instead.
struct KeychainError: Error {
    let status: OSStatus
    var reason: String { "keychain \(status)" }
}

/// Keeps the device's anchor.
///
/// An item of the Keychain outlives the app. After a new installation the store is new as well and the old anchor means
/// nothing to it, so nothing has to be cleared.
public struct KeychainAnchor: AnchorStore {
    private let item: KeychainItem

    /// - Parameter account: Tells several devices of one app apart, as its folders do.
    public init(account: String = "device") { item = KeychainItem(service: "fieldsync.anchor", account: account) }

    public func load() throws -> Data? {
        do { return try item.read() } catch { throw CallbackError.Failed(reason: error.reason) }
    }

    public func save(value: Data) throws {
        do { try item.write(value) } catch { throw CallbackError.Failed(reason: error.reason) }
    }
}

/// Keeps the key of an encrypted store; for a library that is built with encryption.
///
/// The item outlives the app here, too: a new installation goes on with the old key, and its new store is encrypted with
/// it. A phone that was set up from a backup has no key and makes a new one; a store that came along is then
/// `StorageDamaged` with `wrong_key`, which is as it should be: nobody can read it.
public struct KeychainKey: KeyStore {
    private let item: KeychainItem

    /// - Parameter account: Tells several devices of one app apart, as its folders do.
    public init(account: String = "device") { item = KeychainItem(service: "fieldsync.key", account: account) }

    public func key() throws -> Data {
        do {
            if let key = try item.read() { return key }
            var random = SystemRandomNumberGenerator()
            let key = Data((0..<32).map { _ in UInt8.random(in: .min ... .max, using: &random) })
            try item.write(key)
            return key
        } catch {
            throw KeyStoreError.Unavailable(reason: error.reason)
        }
    }

    public func erase() throws {
        do { try item.delete() } catch { throw KeyStoreError.Unavailable(reason: error.reason) }
    }
}
#endif
