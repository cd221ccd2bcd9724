import Fieldsync
import Foundation
import Harness
import Testing

extension TheEngine {
    /// The office has answered, the answer stays on the wire: whatever ends now was ended by the caller.
    @Suite struct Cancelling {
        private let office: Office
        private let proxy: Proxy
        private let anna: UUID

        init() throws {
            office = try Office()
            proxy = try Proxy(to: office)
            anna = try office.technician("Anna Berg")
        }

        /// Cancels a task that waits for a held answer, and returns how it ended and how long that took.
        private func cancelled<Value: Sendable>(_ task: Task<Value, any Error>) async throws -> (Result<Value, any Error>, Duration) {
            try proxy.awaitHeldAnswer()
            let sent = proxy.requestCount
            let start = ContinuousClock.now
            task.cancel()
            let result = await task.result
            let took = ContinuousClock.now - start
            #expect(took < .seconds(5))
            proxy.letAnswersGo()
            #expect(proxy.requestCount == sent, "a cancelled call sent something")
            return (result, took)
        }

        @Test func aSyncStopsAndTheNextOneGoesOn() async throws {
            let order = try office.order("bucket drops", for: anna)
            let phone = try await Held.enrolled(at: proxy.url, of: office, for: anna)
            let device = phone.device
            _ = try device.addNote(order: order, text: "gate code 4711")
            proxy.holdAnswers()
            let (result, took) = try await cancelled(Task { try await device.sync() })
            #expect(try result.get().ended == .cancelled)
            #expect(try result.get().undecided.map(\.kind) == ["note"], "the office has it, the phone cannot know")
            figure("from cancel to the end of a sync that waits", took.milliseconds, "ms")

            // A loop over a sync, left by its task.
            proxy.holdAnswers()
            let loop = Task {
                for try await update in device.syncing() { if case .finished(let receipt) = update { return receipt.ended } }
                throw CancellationError()
            }
            _ = try await cancelled(loop)

            var receipt: SyncReceipt?
            while receipt == nil {
                do { receipt = try await device.sync() } catch FieldsyncError.TryLater(code: "busy", _, _) { await Task.yield() }
            }
            #expect(receipt?.ended == .complete && receipt?.agrees == true)
            #expect(receipt?.undecided == [] && receipt?.startedOver == false)
            #expect(try device.stuck().isEmpty && receipt?.stuck == [])
            #expect(try device.job(order: order).notes.count == 1)
        }

        @Test func anEnrolmentStopsAndTheSameCodeStillWorks() async throws {
            let phone = try Held()
            let (device, url, code) = (phone.device, proxy.url, try office.code(for: anna))
            proxy.holdAnswers()
            let (result, _) = try await cancelled(Task { try await device.enrol(serverUrl: url, code: code, deviceName: "x") })
            #expect(throws: CancellationError.self) { try result.get() }
            // The office has taken the code; asking again with the same key is answered again.
            #expect(try await device.enrol(serverUrl: url, code: code, deviceName: "x").person == anna)
        }
    }
}
