/// A JSON value of the kinds fieldsync uses: numbers are whole.
public indirect enum Json: Equatable, Sendable {
    case null
    case bool(Bool)
    case int(Int64)
    case text(String)
    case array([Json])
    case object([Member])

    public struct Member: Equatable, Sendable {
        public let name: String
        public let value: Json

        public init(_ name: String, _ value: Json) {
            self.name = name
            self.value = value
        }
    }

    /// Reads one value that fills `bytes`, blanks around it allowed.
    public init(_ bytes: Bytes) throws {
        var reader = JsonReader(bytes: bytes)
        self = try reader.value(depth: 0)
        reader.blanks()
        guard reader.at == bytes.count else { throw Broken("something follows the value") }
    }

    /// The canonical form of RFC 8785: members in order of the UTF-16 units of their names, no blanks, the shortest
    /// escapes.
    public var canonical: Bytes {
        switch self {
        case .null: Bytes("null".utf8)
        case .bool(let flag): Bytes((flag ? "true" : "false").utf8)
        case .int(let number): Bytes(String(number).utf8)
        case .text(let text): Self.quoted(text)
        case .array(let items): Bytes("[".utf8) + items.map(\.canonical).joined(separator: ",".utf8) + Bytes("]".utf8)
        case .object(let members):
            Bytes("{".utf8)
                + members.sorted { $0.name.utf16.lexicographicallyPrecedes($1.name.utf16) }
                .map { Self.quoted($0.name) + ":".utf8 + $0.value.canonical }.joined(separator: ",".utf8)
                + Bytes("}".utf8)
        }
    }

    /// A member of an object.
    public subscript(name: String) -> Json? {
        guard case .object(let members) = self else { return nil }
        return members.first { $0.name == name }?.value
    }

    public var text: String? { if case .text(let text) = self { text } else { nil } }
    public var int: Int64? { if case .int(let number) = self { number } else { nil } }
    public var array: [Json]? { if case .array(let items) = self { items } else { nil } }
    public var members: [Member]? { if case .object(let members) = self { members } else { nil } }

    private static func quoted(_ text: String) -> Bytes {
        let short: [UInt8: String] = [
            8: "\\b", 9: "\\t", 10: "\\n", 12: "\\f", 13: "\\r", 34: "\\\"", 92: "\\\\",
        ]
        return Bytes("\"".utf8)
            + text.utf8.flatMap { unit in
                if let short = short[unit] { return Bytes(short.utf8) }
                return unit < 0x20 ? Bytes("\\u00\(hex([unit]))".utf8) : [unit]
            } + Bytes("\"".utf8)
    }
}

private struct JsonReader {
    let bytes: Bytes
    var at = 0

    mutating func blanks() {
        while at < bytes.count, [0x20, 0x09, 0x0a, 0x0d].contains(bytes[at]) { at += 1 }
    }

    mutating func value(depth: Int) throws -> Json {
        guard depth < 48 else { throw Broken("nested too deeply") }
        blanks()
        guard at < bytes.count else { throw Broken("a value that ends too early") }
        switch bytes[at] {
        case UInt8(ascii: "{"):
            let members = try list(until: "}") { reader -> Json.Member in
                let name = try reader.text()
                reader.blanks()
                try reader.expect(":")
                return Json.Member(name, try reader.value(depth: depth + 1))
            }
            guard Set(members.map { Bytes($0.name.utf8) }).count == members.count else { throw Broken("a name twice") }
            return .object(members)
        case UInt8(ascii: "["): return .array(try list(until: "]") { try $0.value(depth: depth + 1) })
        case UInt8(ascii: "\""): return .text(try text())
        case UInt8(ascii: "-"), UInt8(ascii: "0")...UInt8(ascii: "9"): return .int(try number())
        default:
            for (word, value) in [("null", Json.null), ("true", .bool(true)), ("false", .bool(false))]
            where bytes[at...].starts(with: word.utf8) {
                at += word.utf8.count
                return value
            }
            throw Broken("no JSON value")
        }
    }

    private mutating func list<T>(until end: Unicode.Scalar, of read: (inout JsonReader) throws -> T) throws -> [T] {
        at += 1
        var items: [T] = []
        while true {
            blanks()
            guard at < bytes.count else { throw Broken("a list that ends too early") }
            if bytes[at] == UInt8(ascii: end) { break }
            if !items.isEmpty {
                try expect(",")
                blanks()
            }
            items.append(try read(&self))
        }
        at += 1
        return items
    }

    private mutating func expect(_ sign: Unicode.Scalar) throws {
        guard at < bytes.count, bytes[at] == UInt8(ascii: sign) else { throw Broken("no \(sign) where one belongs") }
        at += 1
    }

    private mutating func number() throws -> Int64 {
        let start = at
        while at < bytes.count, "-0123456789.eE+".utf8.contains(bytes[at]) { at += 1 }
        let digits = String(decoding: bytes[start..<at], as: UTF8.self)
        guard let number = Int64(digits), String(number) == digits else { throw Broken("a number that is not whole") }
        return number
    }

    private mutating func text() throws -> String {
        try expect("\"")
        var units: [UInt16] = []
        while true {
            guard at < bytes.count else { throw Broken("a text that ends too early") }
            let start = at
            while at < bytes.count, bytes[at] != UInt8(ascii: "\""), bytes[at] != UInt8(ascii: "\\") {
                guard bytes[at] >= 0x20 else { throw Broken("a control character in a text") }
                at += 1
            }
            guard let plain = String(validating: bytes[start..<at], as: UTF8.self) else { throw Broken("no UTF-8") }
            units += plain.utf16
            guard at + 1 < bytes.count || (at < bytes.count && bytes[at] == UInt8(ascii: "\"")) else {
                throw Broken("a text that ends too early")
            }
            at += 1
            if bytes[at - 1] == UInt8(ascii: "\"") { break }
            units.append(try escape())
        }
        guard let text = String(validating: units, as: UTF16.self) else { throw Broken("half a character in a text") }
        return text
    }

    private mutating func escape() throws -> UInt16 {
        at += 1
        switch Unicode.Scalar(bytes[at - 1]) {
        case "\"": return 34
        case "\\": return 92
        case "/": return 47
        case "b": return 8
        case "f": return 12
        case "n": return 10
        case "r": return 13
        case "t": return 9
        case "u":
            guard at + 4 <= bytes.count else { throw Broken("an escape that ends too early") }
            at += 4
            let digits = String(decoding: bytes[at - 4..<at], as: UTF8.self)
            guard let unit = UInt16(digits, radix: 16) else { throw Broken("an escape without digits") }
            return unit
        default: throw Broken("an unknown escape")
        }
    }
}
