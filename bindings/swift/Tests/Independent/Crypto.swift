#if canImport(CryptoKit)
import CryptoKit
import Foundation

/// SHA-256, by CryptoKit.
public func sha256(_ bytes: Bytes) -> Bytes { Bytes(SHA256.hash(data: Data(bytes))) }

/// Whether the holder of `key` signed `bytes` with Ed25519, by CryptoKit.
public func verifies(_ signature: Bytes, of bytes: Bytes, by key: Bytes) -> Bool {
    guard let key = try? Curve25519.Signing.PublicKey(rawRepresentation: Data(key)) else { return false }
    return key.isValidSignature(Data(signature), for: Data(bytes))
}
#else
import CLibcrypto

/// SHA-256, by OpenSSL's libcrypto.
public func sha256(_ bytes: Bytes) -> Bytes {
    var hash = Bytes(repeating: 0, count: Int(SHA256_DIGEST_LENGTH))
    SHA256(bytes, bytes.count, &hash)
    return hash
}

/// Whether the holder of `key` signed `bytes` with Ed25519, by OpenSSL's libcrypto.
public func verifies(_ signature: Bytes, of bytes: Bytes, by key: Bytes) -> Bool {
    guard let key = EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, nil, key, key.count) else { return false }
    defer { EVP_PKEY_free(key) }
    guard let context = EVP_MD_CTX_new() else { return false }
    defer { EVP_MD_CTX_free(context) }
    guard EVP_DigestVerifyInit(context, nil, nil, nil, key) == 1 else { return false }
    return EVP_DigestVerify(context, signature, signature.count, bytes, bytes.count) == 1
}
#endif
