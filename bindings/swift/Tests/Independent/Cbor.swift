/// A CBOR item of the kinds fieldsync uses: no floats, no tags, nothing of unknown length.
public indirect enum Cbor: Equatable, Sendable {
    case null
    case bool(Bool)
    case int(Int64)
    case bytes(Bytes)
    case text(String)
    case array([Cbor])
    /// In the order written: maps by name, structures as declared.
    case map([Entry])

    public struct Entry: Equatable, Sendable {
        /// A text, or the id of a replica in a version.
        public let key: Cbor
        public let value: Cbor

        public init(_ name: String, _ value: Cbor) { self.init(key: .text(name), value) }

        init(key: Cbor, _ value: Cbor) {
            self.key = key
            self.value = value
        }
    }

    /// Reads one item that fills `bytes`. Refuses everything that is not its only, shortest form.
    public init(_ bytes: Bytes) throws {
        var reader = CborReader(bytes: bytes)
        self = try reader.item(depth: 0)
        guard reader.at == bytes.count else { throw Broken("bytes follow the item") }
    }

    /// The item's bytes, lengths and integers in their shortest form.
    public var encoded: Bytes {
        switch self {
        case .null: [0xf6]
        case .bool(let flag): [flag ? 0xf5 : 0xf4]
        case .int(let number):
            number < 0 ? Self.head(1, UInt64(bitPattern: ~number)) : Self.head(0, UInt64(number))
        case .bytes(let bytes): Self.head(2, UInt64(bytes.count)) + bytes
        case .text(let text): Self.head(3, UInt64(text.utf8.count)) + text.utf8
        case .array(let items): Self.head(4, UInt64(items.count)) + items.flatMap(\.encoded)
        case .map(let entries):
            Self.head(5, UInt64(entries.count)) + entries.flatMap { $0.key.encoded + $0.value.encoded }
        }
    }

    /// A member of a map.
    public subscript(name: String) -> Cbor? {
        guard case .map(let entries) = self else { return nil }
        return entries.first { $0.key == .text(name) }?.value
    }

    public var array: [Cbor]? { if case .array(let items) = self { items } else { nil } }
    public var bytes: Bytes? { if case .bytes(let bytes) = self { bytes } else { nil } }
    public var int: Int64? { if case .int(let number) = self { number } else { nil } }
    public var text: String? { if case .text(let text) = self { text } else { nil } }

    private static func head(_ major: UInt8, _ value: UInt64) -> Bytes {
        func big(_ width: Int) -> Bytes { (0..<width).reversed().map { UInt8(truncatingIfNeeded: value >> ($0 * 8)) } }
        switch value {
        case 0..<24: return [major << 5 | UInt8(value)]
        case 24..<0x100: return [major << 5 | 24] + big(1)
        case 0x100..<0x1_0000: return [major << 5 | 25] + big(2)
        case 0x1_0000..<0x1_0000_0000: return [major << 5 | 26] + big(4)
        default: return [major << 5 | 27] + big(8)
        }
    }
}

private struct CborReader {
    let bytes: Bytes
    var at = 0

    mutating func item(depth: Int) throws -> Cbor {
        guard depth < 48 else { throw Broken("nested too deeply") }
        let first = try take(1)[at - 1]
        let (major, short) = (first >> 5, first & 31)
        if major == 7 {
            switch short {
            case 20, 21: return .bool(short == 21)
            case 22: return .null
            default: throw Broken("a simple value or float that is not used")
            }
        }
        let value = try argument(short)
        switch major {
        case 0, 1:
            guard let number = Int64(exactly: value) else { throw Broken("an integer beyond 64 bits") }
            return .int(major == 0 ? number : ~number)
        case 2: return .bytes(Bytes(try take(length(value))))
        case 3:
            let text = try take(length(value))
            guard let text = String(validating: text, as: UTF8.self) else { throw Broken("a text that is not UTF-8") }
            return .text(text)
        case 4: return .array(try (0..<length(value)).map { _ in try item(depth: depth + 1) })
        case 5:
            let entries = try (0..<length(value)).map { _ -> Cbor.Entry in
                let key = try item(depth: depth + 1)
                switch key {
                case .text, .bytes: return Cbor.Entry(key: key, try item(depth: depth + 1))
                default: throw Broken("a key that is neither text nor bytes")
                }
            }
            guard Set(entries.map(\.key.encoded)).count == entries.count else { throw Broken("a key twice") }
            return .map(entries)
        default: throw Broken("a tag")
        }
    }

    private mutating func argument(_ short: UInt8) throws -> UInt64 {
        if short < 24 { return UInt64(short) }
        guard short < 28 else { throw Broken("an item of unknown length") }
        let width = 1 << (short - 24)
        let value = try take(width).reduce(UInt64(0)) { $0 << 8 | UInt64($1) }
        let least: UInt64 = [24, 0x100, 0x1_0000, 0x1_0000_0000][Int(short - 24)]
        guard value >= least else { throw Broken("an integer longer than needed") }
        return value
    }

    private func length(_ value: UInt64) throws -> Int {
        guard value <= UInt64(bytes.count - at) else { throw Broken("an item longer than the message") }
        return Int(value)
    }

    private mutating func take(_ count: Int) throws -> ArraySlice<UInt8> {
        guard bytes.count - at >= count else { throw Broken("a message that ends too early") }
        at += count
        return bytes[at - count..<at]
    }
}
