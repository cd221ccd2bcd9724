import Foundation
import Independent
import Testing

/// The golden files of the repository, read with nothing but what their documentation says.
struct Golden {
    static let folder = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
        .appendingPathComponent("../../../../tests/golden/wire/v1").standardizedFileURL

    static func bytes(_ name: String) throws -> Bytes { Bytes(try Data(contentsOf: folder.appendingPathComponent(name))) }
    static func json(_ name: String) throws -> Json { try Json(bytes(name)) }
    static func cbor(_ name: String) throws -> Bytes {
        try Independent.bytes(hex: String(decoding: bytes("\(name).cbor.hex"), as: UTF8.self))
    }

    /// Every message that has both forms.
    static let messages: [String] = {
        let names = (try? FileManager.default.contentsOfDirectory(atPath: folder.path)) ?? []
        return names.filter { $0.hasSuffix(".cbor.hex") }.map { String($0.dropLast(".cbor.hex".count)) }.sorted()
    }()
}

@Suite struct GoldenMessages {
    @Test func allOfThemAreHere() {
        #expect(Golden.messages.count >= 13)
    }

    @Test(arguments: Golden.messages)
    func standsInItsOnlyForm(_ name: String) throws {
        let bytes = try Golden.cbor(name)
        let item = try Cbor(bytes)
        #expect(item.encoded == bytes)
        #expect(throws: Broken.self) { try Cbor(bytes + [0xf6]) }
        #expect(throws: Broken.self) { try Cbor(Bytes(bytes.dropLast())) }
    }

    @Test(arguments: Golden.messages)
    func saysTheSameInBothEncodings(_ name: String) throws {
        let (cbor, json) = (try Cbor(Golden.cbor(name)), try Golden.json("\(name).json"))
        #expect(difference(cbor, json) == nil)
    }

    @Test func aDifferenceIsFound() throws {
        let cbor = Cbor.map([.init("a", .array([.int(1), .bytes([0xab])])), .init("$b", .null)])
        func found(_ text: String) throws -> String? { difference(cbor, try Json(Bytes(text.utf8))) }
        #expect(try found(#"{"a":[1,"ab"],"$$b":null}"#) == nil)
        #expect(try found(#"{"a":[1,{"$bytes":"ab"}],"$$b":null}"#) == nil)
        #expect(try found(#"{"a":[1,"ac"],"$$b":null}"#) == "/a/1")
        #expect(try found(#"{"a":[1],"$$b":null}"#) == "/a")
        #expect(try found(#"{"a":[1,"ab"],"b":null}"#) == "/$b")
        #expect(try found(#"{"a":[1,"ab"],"$$b":null,"c":1}"#) == "")
    }
}

@Suite struct GoldenHashes {
    @Test func theHashItselfIsRight() {
        // The published vectors for nothing and for one and for three chunks of the bytes 0, 1, …, 250, 0, 1, …
        func of(_ count: Int) -> String { hex(blake3((0..<count).map { UInt8($0 % 251) })) }
        #expect(of(0) == "af1349b9f5f9a1a6a0404dea36dcc9499bcb25c9adc112b7cc9a93cae41f3262")
        #expect(of(1_024) == "42214739f095a406f3fc83deb889744ac00df831c10daa55189b5d121c855af7")
        #expect(of(3_072) == "b98cb0ff3623be03326b373de6b9095218513e64f1ee2edd2525c7ad1e5cffd2")
        #expect(hex(sha256(Bytes("abc".utf8))) == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad")
    }

    @Test func aRecordHasTheCheckThatBothSidesCompare() throws {
        let hashes = try Golden.json("hashes.json")
        #expect(hex(blake3(try Golden.cbor("record"))) == hashes["record_check"]?.text)
        let whole = try Cbor(Golden.cbor("delivery_whole"))
        #expect(whole["check"]?.bytes.map(hex) == hashes["record_check"]?.text)
        #expect(try whole["record"]?.encoded == Golden.cbor("record"))
    }

    @Test func anEditHasTheHashesOfItsContentAndItsMeaning() throws {
        let hashes = try Golden.json("hashes.json")
        let edit = try Cbor(Golden.cbor("edit"))
        let part = { (name: String) throws -> Cbor in try #require(edit[name]) }
        let content = Cbor.array([try part("dot"), try part("group"), try part("fields"), try part("stamp")])
        let meaning = Cbor.array([try part("group"), try part("fields")])
        #expect(hex(blake3(content.encoded)) == hashes["edit_content"]?.text)
        #expect(hex(blake3(meaning.encoded)) == hashes["edit_meaning"]?.text)
    }

    @Test func aSumIsAnAdditionOfTheChecksOfItsMembers() throws {
        let hashes = try Golden.json("hashes.json")["set_hash_of_record_and_note"]
        let exchange = try Cbor(Golden.cbor("exchange"))
        let offers = try #require(exchange["offers"]?.array)
        let records = try offers.map { try #require($0["record"]).encoded }
        var sum = Bytes(repeating: 0, count: 32)
        for record in records {
            var carry = 0
            for (place, byte) in blake3(record).enumerated() {
                carry += Int(sum[place]) + Int(byte)
                sum[place] = UInt8(carry & 0xff)
                carry >>= 8
            }
        }
        #expect(hex(sum) == hashes?["sum"]?.text)
        #expect(hashes?["count"]?.int == Int64(records.count))
    }
}

/// Where a message in CBOR and one in JSON say something different; `nil` when nowhere. Ids and hashes are bytes in the
/// one and digits in the other, bytes inside a field are `{"$bytes": …}`, a name that begins with `$` has one more.
func difference(_ cbor: Cbor, _ json: Json) -> String? {
    switch (cbor, json) {
    case (.null, .null): return nil
    case (.bool(let one), .bool(let other)): return one == other ? nil : ""
    case (.int(let one), .int(let other)): return one == other ? nil : ""
    case (.text(let one), .text(let other)): return Bytes(one.utf8) == Bytes(other.utf8) ? nil : ""
    case (.bytes(let one), .text(let other)): return hex(one) == other.filter { $0 != "-" } ? nil : ""
    case (.bytes(let one), .object): return json.members?.count == 1 && json["$bytes"]?.text == hex(one) ? nil : ""
    case (.array(let one), .array(let other)):
        guard one.count == other.count else { return "" }
        return zip(one, other).enumerated().lazy.compactMap { place, pair in
            difference(pair.0, pair.1).map { "/\(place)\($0)" }
        }.first
    case (.map(let one), .object(let other)):
        guard one.count == other.count else { return "" }
        return one.lazy.compactMap { entry in
            let key = entry.key.text ?? hex(entry.key.bytes ?? [])
            guard let value = json[key.hasPrefix("$") ? "$" + key : key] else { return "/\(key)" }
            return difference(entry.value, value).map { "/\(key)\($0)" }
        }.first
    default: return ""
    }
}
