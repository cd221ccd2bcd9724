import Fieldsync
import Foundation
import Harness
import Testing

extension TheEngine {
    /// What takes many records: an office with many orders, five records each. FIELDSYNC_ORDERS=2000 makes 10,000 records.
    @Suite(.serialized) struct ManyRecords {
        private static let orders = Int(ProcessInfo.processInfo.environment["FIELDSYNC_ORDERS"] ?? "") ?? 200

        @Test func aPullCanBeCancelledAndReadsAndEditsGoOnBesideIt() async throws {
            let office = try Office()
            let anna = try office.technician("Anna Berg")
            let order = try office.order("squeals", for: anna)
            let proxy = try Proxy(to: office)
            defer { proxy.close() }
            let phone = try await Held.enrolled(at: proxy.url, of: office, for: anna)
            let device = phone.device
            try office.orders(Self.orders, for: anna)

            // Cancelled in the middle: no further request, and soon.
            let begun = proxy.requestCount
            let sync = Task { try await device.sync() }
            try proxy.awaitRequests(begun + 1)
            let asked = ContinuousClock.now
            sync.cancel()
            let receipt = try await sync.value
            let took = ContinuousClock.now - asked
            let sent = proxy.requestCount
            #expect(receipt.ended == .cancelled)
            #expect(took < .seconds(20)) // left alone, a request that is not answered is given up after 30
            figure("from cancel to silence", took.milliseconds, "ms")

            // The rest, while somebody works with the phone. First what a machine this busy takes alone.
            #expect(proxy.requestCount == sent, "a cancelled sync sent something")
            let alone = try await work(device, order) { $0 < 100 }
            let running = Task { try await device.sync() }
            let start = ContinuousClock.now
            let done = Count()
            let whole = Task {
                let receipt = try await running.value
                done.add(1)
                return receipt
            }
            let beside = try await work(device, order) { _ in done.value == 0 }
            let all = try await whole.value
            let pull = ContinuousClock.now - start
            #expect(all.ended == .complete)
            #expect(try device.status().records >= Self.orders * 5)
            #expect(beside.count > 5)
            // Reads and edits went on; how long the longest waited is a figure, not a verdict: machines differ.
            figure("longest read alone", alone.read.milliseconds, "ms")
            figure("longest edit alone", alone.edit.milliseconds, "ms")
            figure("longest read during a pull of \(Self.orders * 5)", beside.read.milliseconds, "ms")
            figure("longest edit during a pull of \(Self.orders * 5)", beside.edit.milliseconds, "ms")
            figure("a pull of \(Self.orders * 5) with somebody at work", pull.milliseconds, "ms")
            var after = try await device.sync()
            for _ in 0..<3 where after.agrees != true { after = try await device.sync() }
            #expect(after.agrees == true, "first: \(all.text)\nlast: \(after.text)")
            #expect(try device.status().isDrained)

            // Leaving the loop over a sync stops it too.
            for try await update in device.syncing() {
                if case .finished(let receipt) = update { #expect(receipt.ended == .complete) }
                break
            }
            try await eventually("the sync has stopped") { (try? device.status()) != nil }
            try measure(device, phone)
        }

        /// Reads a page and enters a note, again and again: the longest time each took.
        private func work(
            _ device: Device, _ order: UUID, while goesOn: (Int) -> Bool
        ) async throws -> (count: Int, read: Duration, edit: Duration) {
            var (count, read, edit) = (0, Duration.zero, Duration.zero)
            while goesOn(count) {
                let start = ContinuousClock.now
                _ = try device.jobs(filter: JobFilter(sort: .updated, limit: 50))
                let between = ContinuousClock.now
                if count % 4 == 0 { _ = try device.addNote(order: order, text: "note \(count)") }
                let end = ContinuousClock.now
                (read, edit) = (max(read, between - start), max(edit, end - between))
                count += 1
                // A person's pace, so that it is the sync that is measured.
                try await Task.sleep(for: .milliseconds(10))
            }
            return (count, read, edit)
        }

        /// What calls cost, for docs/PERFORMANCE.md.
        private func measure(_ device: Device, _ phone: Held) throws {
            func each(_ times: Int, _ work: () throws -> Void) rethrows -> Double {
                let start = ContinuousClock.now
                for _ in 0..<times { try work() }
                return (ContinuousClock.now - start).milliseconds / Double(times)
            }
            figure("one call that does nothing", try each(10_000) { _ = try version() } * 1_000, "µs")
            figure("status", try each(100) { _ = try device.status() } * 1_000, "µs")
            figure("a page of 100 jobs", try each(50) { _ = try device.jobs(filter: JobFilter(limit: 100)) }, "ms")
            let start = ContinuousClock.now
            try phone.reopen()
            _ = try phone.device.jobs(filter: JobFilter(limit: 50))
            figure("open a store of \(Self.orders * 5) records to its first page", (ContinuousClock.now - start).milliseconds, "ms")
        }
    }
}
