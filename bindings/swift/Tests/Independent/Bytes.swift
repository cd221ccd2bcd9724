/// Reads what fieldsync writes, from its documentation alone: `docs/PROTOCOL.md`, RFC 8949, RFC 8785, RFC 8032. Nothing
/// here calls the engine, so a third party can take these files and check a signed document without it.
public typealias Bytes = [UInt8]

/// Why something is not what it should be.
public struct Broken: Error, Equatable, CustomStringConvertible {
    public let description: String

    public init(_ description: String) { self.description = description }
}

/// The bytes behind hexadecimal digits; blanks between them do not matter.
public func bytes(hex: some StringProtocol) throws -> Bytes {
    let digits = hex.utf8.filter { !" \n\r\t".utf8.contains($0) }
    guard digits.count % 2 == 0 else { throw Broken("an odd number of hexadecimal digits") }
    return try stride(from: 0, to: digits.count, by: 2).map { at in
        guard let byte = UInt8(String(decoding: digits[at..<at + 2], as: UTF8.self), radix: 16) else {
            throw Broken("no hexadecimal digits")
        }
        return byte
    }
}

/// Lower-case hexadecimal digits.
public func hex(_ bytes: some Sequence<UInt8>) -> String {
    let digits = Array("0123456789abcdef".utf8)
    return String(decoding: bytes.flatMap { [digits[Int($0 >> 4)], digits[Int($0 & 15)]] }, as: UTF8.self)
}
