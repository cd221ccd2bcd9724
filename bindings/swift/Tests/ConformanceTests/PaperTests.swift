import Foundation
import Independent
import Testing

@Suite struct GoldenPapers {
    private func golden() throws -> (paper: Paper, root: Bytes) {
        let rest = try Golden.json("signature.json")
        func field(_ name: String) throws -> Bytes { try bytes(hex: try #require(rest[name]?.text)) }
        let atMs = try #require(rest["countersigned_ms"]?.int)
        let paper = Paper(
            document: try Golden.bytes("voucher.json"), statement: try Golden.bytes("statement.json"),
            strokes: try field("strokes"), deviceSignature: try field("device_signature"),
            countersignature: (atMs, try field("countersignature")))
        return (paper, try field("root"))
    }

    @Test func aSignedDocumentVerifiesFromItsFilesAlone() throws {
        let (paper, root) = try golden()
        let statement = try paper.verified(root: root)
        #expect(statement["signer"] == .text("Li Wei"))
        #expect(try hex(sha256(paper.document)) == Golden.json("hashes.json")["voucher_sha256"]?.text)
        #expect(try Cbor(paper.strokes).array?.count == 2)
    }

    @Test func everyBrokenLinkIsFound() throws {
        let (good, root) = try golden()
        func found(_ change: (inout Paper) throws -> Void, root other: Bytes? = nil) rethrows -> String? {
            var paper = good
            try change(&paper)
            do { _ = try paper.verified(root: other ?? root) } catch { return "\(error)" }
            return nil
        }
        func with(_ bytes: Bytes, _ old: String, _ new: String) -> Bytes {
            Bytes(String(decoding: bytes, as: UTF8.self).replacingOccurrences(of: old, with: new).utf8)
        }
        #expect(found { $0.document = with($0.document, "3500", "3501") } == "document changed")
        #expect(found { $0.document = with($0.document, "\"v\":1", "\"v\": 1") } == "not in canonical form")
        #expect(found { $0.strokes[5] ^= 1 } == "strokes changed")
        #expect(found { $0.statement = with($0.statement, "Li Wei", "Li Wie") } == "device signature")
        #expect(found { $0.deviceSignature[0] ^= 1 } == "device signature")
        #expect(found { $0.countersignature?.atMs -= 1 } == "counter-signature")
        var foreign = root
        foreign[3] ^= 1
        #expect(found({ _ in }, root: foreign) == "certificate not of this office")
    }

    @Test func aCertificateIsTheOffices() throws {
        let (_, root) = try golden()
        #expect(try isIssued(Golden.json("certificate.json"), by: root))
        let inVoucher = try Golden.json("voucher.json")["device"]
        #expect(try isIssued(try #require(inVoucher), by: root))
        let renamed = String(decoding: try Golden.bytes("certificate.json"), as: UTF8.self)
            .replacingOccurrences(of: "muster-service", with: "other-service")
        #expect(try !isIssued(Json(Bytes(renamed.utf8)), by: root))
    }

    @Test func aRequestIsItsDevices() throws {
        let request = try Golden.json("signed_request.json")
        func text(_ name: String) throws -> String { try #require(request[name]?.text) }
        let body = try bytes(hex: text("body"))
        let offset = try #require(request["offset"]?.int)
        func signed(_ method: String) throws -> Bytes {
            let lines = [
                "fieldsync request v1", try text("device"), method, try text("path"), "\(offset)", try text("nonce"),
                hex(sha256(body)),
            ]
            return Bytes(lines.joined(separator: "\n").utf8)
        }
        let key = try bytes(hex: try #require(Golden.json("certificate.json")["public_key"]?.text))
        let signature = try bytes(hex: text("signature"))
        #expect(try verifies(signature, of: signed("POST"), by: key))
        #expect(try !verifies(signature, of: signed("PUT"), by: key))
        #expect(try body == Golden.cbor("exchange_idle"))
    }

    @Test func canonicalFormSortsByUnitsAndEscapesLittle() throws {
        let value = try Json(Bytes(#"{"\u20ac": "\u0001\n\"\\\/é", "A": [1, -2, true, null], "\ud83d\ude00": 0, "\ufb33": 1}"#.utf8))
        #expect(
            String(decoding: value.canonical, as: UTF8.self)
                == "{\"A\":[1,-2,true,null],\"\u{20ac}\":\"\\u0001\\n\\\"\\\\/é\",\"😀\":0,\"\u{fb33}\":1}")
        for wrong in ["1.5", "01", "-", "\"\\ud83d\"", "[1", "{\"a\":1,\"a\":2}", "nul", "\"\u{1}\"", "1 2"] {
            #expect(throws: Broken.self) { try Json(Bytes(wrong.utf8)) }
        }
    }
}
