import Foundation

/// Why a test could not be set up.
public struct Failure: Error, CustomStringConvertible {
    public let description: String

    public init(_ description: String) { self.description = description }
}

/// What `generate.sh` built, and where the project lies.
public enum Built {
    public static let project = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
        .appendingPathComponent("../../../..").standardizedFileURL
    public static func program(_ name: String) -> URL { project.appendingPathComponent(".tools/swift/bin/\(name)") }
}

/// A new empty folder; `remove` it.
public func temporaryFolder(_ name: String) throws -> URL {
    let folder = FileManager.default.temporaryDirectory.appendingPathComponent("fieldsync-\(name)-\(UUID())")
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    return folder
}

public func remove(_ folder: URL) { try? FileManager.default.removeItem(at: folder) }

/// A real office: the shipped server as a process of its own, in a folder of its own, on a free port, with a dispatcher
/// who works in the console.
public final class Office: @unchecked Sendable {
    public let port: UInt16
    private let folder: URL
    private let server: Program
    private let cookie: String

    public init() throws {
        folder = try temporaryFolder("office")
        let place = ["--data", folder.path]
        let program = Built.program("fieldsync-server")
        let login = ["user", "add", "ines", "--name", "Ines Duarte", "--password-stdin"]
        try run(program, login + place, input: "correct-horse-battery\n")
        server = try Program(program, ["serve", "--listen", "127.0.0.1:0"] + place)
        let said = server.line()
        guard let port = said.components(separatedBy: "http://127.0.0.1:").last.flatMap({ UInt16($0.prefix { $0.isNumber }) })
        else { throw Failure("the server does not say where it listens: \(said)") }
        self.port = port
        let entered = form([("name", "ines"), ("password", "correct-horse-battery")])
        let answer = try http(port: port, "POST", "/login", headers: Self.formHeaders, body: entered)
        guard let cookie = answer.headers["set-cookie"]?.prefix(while: { $0 != ";" }) else {
            throw Failure("nobody was let in: \(answer.status)")
        }
        self.cookie = String(cookie)
    }

    deinit {
        close()
        remove(folder)
    }

    /// Ends the server as a power cut would.
    public func close() { server.kill(SIGKILL) }

    public var url: String { "http://127.0.0.1:\(port)" }

    /// Runs a command of the server beside the running one.
    @discardableResult
    public func command(_ arguments: String...) throws -> String {
        try run(Built.program("fieldsync-server"), arguments + ["--data", folder.path])
            .trimmingCharacters(in: .whitespacesAndNewlines)
    }

    /// A new technician's id.
    public func technician(_ name: String) throws -> UUID { try id(command("technician", "add", name)) }

    /// A one-time code for a device of a technician.
    public func code(for technician: UUID) throws -> String {
        try command("enrol", technician.uuidString.lowercased(), "--code-only")
    }

    /// A new work order, entered by the dispatcher.
    public func order(
        _ problem: String, for technician: UUID?, customer: String = "Quarry North", asset: String = "Excavator B"
    ) throws -> UUID {
        let place = try post(
            "/jobs/new",
            [
                ("customer", customer), ("phone", ""), ("site", "Pit 3"), ("street", ""), ("asset", asset),
                ("problem", problem), ("instructions", ""), ("due", ""), ("priority", "high"), ("category", "a_paid"),
                ("technician", technician?.uuidString.lowercased() ?? ""),
            ])
        return try id(place.components(separatedBy: "/jobs/").last ?? "")
    }

    /// Assigns an order to exactly this technician: whoever had it loses it.
    public func dispatch(_ order: UUID, to technician: UUID) throws {
        let path = "/jobs/\(order.uuidString.lowercased())/dispatch"
        let page = try get(path)
        let version = page.components(separatedBy: "name=\"version\" value=\"").dropFirst().first?.prefix { $0 != "\"" }
        try post(
            path, [("technician", technician.uuidString.lowercased()), ("version", String(version ?? "")), ("start", "")])
    }

    /// Imports so many work orders, each with a customer, a site and an asset of its own, and assigns them all.
    public func orders(_ count: Int, for technician: UUID) throws {
        let file = folder.appendingPathComponent("orders.csv")
        let rows = (1...count).map { "N-\($0);Customer \($0);Site \($0);Excavator \($0);hydraulic pump \($0) leaks" }
        let lines = ["order number;customer;site;asset;problem"] + rows
        try lines.joined(separator: "\n").write(to: file, atomically: true, encoding: .utf8)
        let before = try board()
        try command("import", file.path)
        let found = try board().subtracting(before)
        guard found.count == count else { throw Failure("of \(count) orders the board shows \(found.count)") }
        let name = technician.uuidString.lowercased()
        let all = Array(found)
        let failures = Failures()
        DispatchQueue.concurrentPerform(iterations: all.count) { place in
            failures.collect {
                _ = try self.post("/jobs/\(all[place])/dispatch", [("technician", name), ("version", ""), ("start", "")])
            }
        }
        try failures.rethrow()
    }

    /// The ids of all work orders.
    private func board() throws -> Set<String> {
        var found: Set<String> = []
        for page in 1... {
            let links = try get("/board?sort=number&page=\(page)").components(separatedBy: "/jobs/").dropFirst()
            let ids = links.map { String($0.prefix(36)) }.filter { UUID(uuidString: $0) != nil }
            if found.isSuperset(of: ids) { break }
            found.formUnion(ids)
        }
        return found
    }

    /// A page of the console.
    public func get(_ path: String) throws -> String {
        let answer = try http(port: port, "GET", path, headers: ["cookie": cookie])
        guard answer.status == 200 else { throw Failure("\(path): \(answer.status)") }
        return answer.body
    }

    /// A job's page in the console.
    public func page(of order: UUID) throws -> String { try get("/jobs/\(order.uuidString.lowercased())") }

    /// Sends a form as the dispatcher and returns where it leads.
    @discardableResult
    public func post(_ path: String, _ fields: [(String, String)]) throws -> String {
        var headers = Self.formHeaders
        headers["cookie"] = cookie
        let answer = try http(port: port, "POST", path, headers: headers, body: form(fields))
        guard answer.status == 303 else { throw Failure("\(path): \(answer.status) \(answer.body)") }
        return answer.headers["location"] ?? ""
    }

    private static let formHeaders = ["content-type": "application/x-www-form-urlencoded"]

    private func id(_ text: String) throws -> UUID {
        guard let id = UUID(uuidString: String(text.prefix(36))) else { throw Failure("no id: \(text)") }
        return id
    }
}

/// Keeps the first failure of work done side by side.
private final class Failures: @unchecked Sendable {
    private let lock = NSLock()
    private var first: (any Error)?

    func collect(_ work: () throws -> Void) {
        do { try work() } catch { lock.withLock { first = first ?? error } }
    }

    func rethrow() throws { if let first { throw first } }
}
