import Fieldsync
import Foundation
import Harness
import Testing

/// How many of something there are.
final class Count: @unchecked Sendable {
    private let lock = NSLock()
    private var number = 0
    var value: Int { lock.withLock { number } }
    func add(_ more: Int) { lock.withLock { number += more } }
}

private final class Counted: ChangeObserver {
    private let alive: Count
    private let told: Count

    init(alive: Count, told: Count) {
        (self.alive, self.told) = (alive, told)
        alive.add(1)
    }

    deinit { alive.add(-1) }

    func changed(records: [UUID]) { told.add(1) }
}

private struct Unforeseen: Error {}

private final class Throwing: ChangeObserver, SyncObserver {
    let calls = Count()

    func changed(records: [UUID]) throws {
        calls.add(1)
        throw Unforeseen()
    }

    func progress(progress: SyncProgress) throws {
        calls.add(1)
        throw CallbackError.Failed(reason: "on purpose")
    }
}

extension TheEngine {
    @Suite struct Observers {
        /// An office, a phone, and an order to write about.
        private let office: Office
        private let phone: Held
        private let order: UUID

        init() async throws {
            office = try Office()
            let anna = try office.technician("Anna Berg")
            order = try office.order("bucket drops", for: anna)
            phone = try await Held.enrolled(at: office.url, of: office, for: anna)
        }

        private var threads: Int { (try? FileManager.default.contentsOfDirectory(atPath: "/proc/self/task").count) ?? 0 }

        @Test func twoHundredFromManyTasksAreAllToldAndAllFreed() async throws {
            let device = phone.device
            let (alive, told) = (Count(), Count())
            let before = threads
            var places = try await withThrowingTaskGroup(of: [Subscription].self) { tasks in
                for _ in 0..<8 {
                    tasks.addTask {
                        try (0..<25).map { _ in
                            try device.watch(records: [], observer: Counted(alive: alive, told: told))
                        }
                    }
                }
                return try await tasks.reduce(into: []) { $0 += $1 }
            }
            #expect(alive.value == 200)
            try await withThrowingTaskGroup(of: Void.self) { tasks in
                for n in 0..<4 {
                    tasks.addTask { [order] in for m in 0..<5 { _ = try device.addNote(order: order, text: "note \(n) \(m)") } }
                }
                try await tasks.waitForAll()
            }
            try await eventually("everybody was told") { told.value >= 200 }
            // One thread serves all observers; the rest is the pool of Swift's own tasks.
            #expect(threads <= before + 8)
            try places.prefix(100).forEach { try $0.end() }
            try await eventually("the first hundred are freed") { alive.value == 100 }
            places = []
            try await eventually("all are freed") { alive.value == 0 }
        }

        @Test func aSlowLoopHearsOfEverythingAndEndsWithItsTask() async throws {
            let changes = try phone.device.changes(of: [order])
            for n in 0..<20 { _ = try phone.device.addNote(order: order, text: "note \(n)") }
            var heard: Set<UUID> = []
            for await records in changes {
                heard.formUnion(records)
                if heard.contains(order) { break }
            }
            #expect(heard == [order])

            let device = phone.device
            let page = Task { [order] in
                var seen = 0
                for try await notes in device.live([order], { try $0.job(order: order).notes.count }) { seen = notes }
                return seen
            }
            _ = try device.addNote(order: order, text: "the last one")
            try device.shutdown()
            // The sequence ends with the device; a read that came too late says so.
            switch await page.result {
            case .success(let seen): #expect(seen >= 20 || seen == 0)
            case .failure(let error as FieldsyncError): #expect(error.code == "closed")
            case .failure(let error): throw error
            }
        }

        @Test func aHundredDevicesOneAfterTheOtherLeaveNoThread() async throws {
            let folder = try temporaryFolder("many")
            defer { remove(folder) }
            func once() throws {
                let device = try Device.open(options: OpenOptions(dir: folder.path))
                _ = try device.watch(records: [], observer: Throwing())
                try device.shutdown()
            }
            try once()
            let before = threads
            for _ in 0..<100 { try once() }
            try await eventually("their threads ended") { threads <= before + 4 }
        }

        @Test func whatACallbackThrowsReachesNobody() async throws {
            let throwing = Throwing()
            let place = try phone.device.watch(records: [], observer: throwing)
            _ = try phone.device.addNote(order: order, text: "one")
            try await eventually("it was told once") { throwing.calls.value >= 1 }
            let before = throwing.calls.value
            let receipt = try await phone.device.sync(cancel: nil, observer: throwing)
            #expect(receipt.ended == .complete)
            try await eventually("it was told again") { throwing.calls.value > before }
            try place.end()
        }
    }

    @Suite struct Errors {
        @Test func aPanicInsideIsAnErrorAndTheAppGoesOn() async throws {
            let phone = try Held()
            #expect { try phone.device.panicForTest() } throws: { ($0 as? FieldsyncError)?.code == "panic" }
            await #expect { try await phone.device.panicForTestAsync() } throws: { ($0 as? FieldsyncError)?.code == "panic" }
            #expect(try phone.device.status().records == 0)
        }

        @Test func aDeviceThatWasShutDownSaysSo() async throws {
            let phone = try Held()
            try phone.device.shutdown()
            try phone.device.shutdown()
            #expect { try phone.device.status() } throws: { error in
                guard case .Reopen = error as? FieldsyncError else { return false }
                return true
            }
            await #expect(throws: FieldsyncError.self) { try await phone.device.sync() }
        }

        @Test func anErrorSaysWhatToDoInWords() async throws {
            let phone = try Held()
            do {
                try await phone.device.sync()
                Issue.record("a device without an office synced")
            } catch {
                #expect(error.localizedDescription.hasPrefix("Failed to "))
                #expect("\(error)" == error.localizedDescription)
                guard case FieldsyncError.SignIn = error else { throw error }
            }
            do {
                try await phone.device.enrol(serverUrl: "http://office.example", code: "AAAA", deviceName: "x")
            } catch let error as FieldsyncError {
                #expect(error.code == "bad_address")
            }
        }
    }
}
