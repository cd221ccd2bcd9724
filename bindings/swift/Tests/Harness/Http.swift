import Foundation

/// One answer of the office's console.
struct Answer {
    let status: Int
    let headers: [String: String]
    let body: String
}

/// Sends one request to a port of loopback and waits for the answer.
func http(port: UInt16, _ method: String, _ path: String, headers: [String: String], body: String = "") throws -> Answer {
    let socket = try Socket.connected(to: port)
    defer { socket.close() }
    var all = headers
    all["host"] = "127.0.0.1:\(port)"
    all["origin"] = "http://127.0.0.1:\(port)"
    all["connection"] = "close"
    all["content-length"] = "\(body.utf8.count)"
    let head = all.map { "\($0): \($1)\r\n" }.joined()
    guard socket.write(Array("\(method) \(path) HTTP/1.1\r\n\(head)\r\n\(body)".utf8)) else { throw Failure("no request") }
    var bytes: [UInt8] = []
    while case let more = socket.read(), !more.isEmpty { bytes += more }
    let text = String(decoding: bytes, as: UTF8.self)
    guard let end = text.range(of: "\r\n\r\n") else { throw Failure("no answer to \(method) \(path)") }
    let lines = text[..<end.lowerBound].components(separatedBy: "\r\n")
    let status = lines[0].split(separator: " ").dropFirst().first.flatMap { Int($0) } ?? 0
    let pairs = lines.dropFirst().compactMap { line -> (String, String)? in
        guard let colon = line.firstIndex(of: ":") else { return nil }
        let value = line[line.index(after: colon)...].trimmingCharacters(in: .whitespaces)
        return (line[..<colon].lowercased(), value)
    }
    return Answer(status: status, headers: Dictionary(pairs) { $1 }, body: String(text[end.upperBound...]))
}

/// A form as a browser sends it.
func form(_ fields: [(String, String)]) -> String {
    let plain = CharacterSet.alphanumerics.intersection(CharacterSet(charactersIn: "\u{0}"..."\u{7f}"))
    func quoted(_ text: String) -> String { text.addingPercentEncoding(withAllowedCharacters: plain) ?? "" }
    return fields.map { "\($0)=\(quoted($1))" }.joined(separator: "&")
}
