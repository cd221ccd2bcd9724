/// A signed document as a third party receives it: `docs/PROTOCOL.md`, "Signed documents".
public struct Paper: Sendable {
    /// The document, canonical JSON.
    public var document: Bytes
    /// Who signed or refused, canonical JSON.
    public var statement: Bytes
    /// The strokes, CBOR.
    public var strokes: Bytes
    /// The device's signature under the statement.
    public var deviceSignature: Bytes
    /// The office's signature under the statement and its time, milliseconds since 1970 UTC, once it has arrived there.
    public var countersignature: (atMs: Int64, signature: Bytes)?

    public init(
        document: Bytes, statement: Bytes, strokes: Bytes, deviceSignature: Bytes,
        countersignature: (atMs: Int64, signature: Bytes)?
    ) {
        self.document = document
        self.statement = statement
        self.strokes = strokes
        self.deviceSignature = deviceSignature
        self.countersignature = countersignature
    }

    /// Verifies every link up to the office's public root, and returns the statement.
    public func verified(root: Bytes) throws -> Json {
        let (paper, said) = (try Json(document), try Json(statement))
        guard paper.canonical == document, said.canonical == statement else { throw Broken("not in canonical form") }
        guard said["document"]?.text == hex(sha256(document)) else { throw Broken("document changed") }
        guard said["strokes"]?.text == hex(sha256(strokes)) else { throw Broken("strokes changed") }
        guard let certificate = paper["device"], certificate["device"] == said["device"] else {
            throw Broken("certificate of another device")
        }
        guard try isIssued(certificate, by: root) else { throw Broken("certificate not of this office") }
        let key = try bytes(hex: certificate["public_key"]?.text ?? "")
        guard verifies(deviceSignature, of: statement, by: key) else { throw Broken("device signature") }
        if let (atMs, signature) = countersignature {
            let lines = "fieldsync countersignature v1\n\(hex(sha256(statement)))\n\(atMs)"
            guard verifies(signature, of: Bytes(lines.utf8), by: root) else { throw Broken("counter-signature") }
        }
        return said
    }
}

/// Whether the office with this root issued a device's certificate.
public func isIssued(_ certificate: Json, by root: Bytes) throws -> Bool {
    guard let members = certificate.members else { return false }
    let signature = try bytes(hex: certificate["signature"]?.text ?? "")
    let signed = Json.object(
        members.filter { $0.name != "signature" }
            + [Json.Member("purpose", .text("fieldsync device certificate v1"))])
    return verifies(signature, of: signed.canonical, by: root)
}
