import Fieldsync
import Foundation
import Harness
import Testing

/// Every test of the package against the real office. One after another: two of them measure time.
@Suite(.serialized) enum TheEngine {}

/// A device in a folder of its own; the folder goes with it.
final class Held: @unchecked Sendable {
    let folder: URL
    private(set) var device: Device

    init() throws {
        folder = try temporaryFolder("phone")
        device = try Device.open(options: OpenOptions(dir: folder.path))
    }

    deinit {
        try? device.shutdown()
        remove(folder)
    }

    /// Enrolled, and synced once.
    static func enrolled(at url: String, of office: Office, for technician: UUID) async throws -> Held {
        let held = try Held()
        let identity = try await held.device.enrol(serverUrl: url, code: office.code(for: technician), deviceName: "a phone")
        #expect(identity.person == technician)
        #expect(try await held.device.sync().ended == .complete)
        return held
    }

    /// Opens the store again, as after a start of the app.
    func reopen() throws {
        try device.shutdown()
        device = try Device.open(options: OpenOptions(dir: folder.path))
    }
}

extension ReportEntry {
    static func solved(cause: String) -> ReportEntry {
        ReportEntry(faultLocation: "boom cylinder", cause: cause, attribution: .wear, method: "seal kit replaced", outcome: .solved)
    }
}

/// A signature as somebody's finger draws it.
let strokes = [
    Stroke(points: [(100, 200, 0), (180, 90, 16), (260, 210, 33)].map { StrokePoint(x: $0, y: $1, timeMs: $2, pressure: 500) }),
    Stroke(points: [(140, 150, 400), (230, 150, 420)].map { StrokePoint(x: $0, y: $1, timeMs: $2, pressure: 510) }),
]

/// A picture of one grey point.
let picture = Data(base64Encoded: "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAAAAAA6fptVAAAACklEQVR4nGNoAAAAggCBd81ytgAAAABJRU5ErkJggg==")!

/// Waits until something holds, at most a minute.
func eventually(_ what: Comment, _ holds: () throws -> Bool) async throws {
    let deadline = ContinuousClock.now + .seconds(60)
    while try !holds() {
        guard ContinuousClock.now < deadline else {
            Issue.record("in a minute it did not come to be: \(what)")
            return
        }
        await Task.yield()
    }
}

extension Duration {
    var milliseconds: Double { Double(components.seconds) * 1e3 + Double(components.attoseconds) / 1e15 }
}

/// A line for docs/PERFORMANCE.md.
func figure(_ name: String, _ value: Double, _ unit: String) {
    print("figure: swift, \(name): \(String(format: value < 10 ? "%.2f" : "%.0f", value)) \(unit)")
}
