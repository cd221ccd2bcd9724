/// The engine for Swift: ``Device`` with everything it can do, and around it what Swift has a way of its own for: tasks
/// that can be cancelled, sequences to loop over, errors with a text.
///
/// ```swift
/// let device = try Device.open(options: OpenOptions(dir: folder.path))
/// let day = try await device.perform { try $0.dayPlan(day: today) }
/// let receipt = try await device.sync()
/// ```
@_exported import FieldsyncCore
import Foundation

extension Device {
    /// Runs synchronous calls away from the caller's thread, and returns what they return.
    ///
    /// A call that only touches the store takes milliseconds, and now and then waits for another one's disk: too long for
    /// a main thread, and nothing a pool of cooperative threads should wait for. Calls made together here run in order,
    /// between others of the app; each is a transaction of its own. Cancelling the task does not undo them.
    ///
    /// - Throws: What `work` throws.
    public func perform<Value: Sendable>(_ work: @escaping @Sendable (Device) throws -> Value) async throws -> Value {
        try await withCheckedThrowingContinuation { continuation in
            waiting.addOperation { continuation.resume(with: Result { try work(self) }) }
        }
    }

    /// Enrols this device, see ``enrol(serverUrl:code:deviceName:cancel:)``. Cancelling the task stops it.
    ///
    /// - Throws: ``FieldsyncError``, or `CancellationError` when the task was cancelled.
    @discardableResult
    public func enrol(serverUrl: String, code: String, deviceName: String) async throws -> Identity {
        try await cancelling { try await self.enrol(serverUrl: serverUrl, code: code, deviceName: deviceName, cancel: $0) }
    }

    /// Enrols this device with the link of the office's QR code. Cancelling the task stops it.
    ///
    /// - Throws: ``FieldsyncError``, or `CancellationError` when the task was cancelled.
    @discardableResult
    public func enrol(link: String, deviceName: String) async throws -> Identity {
        try await cancelling { try await self.enrolLink(link: link, deviceName: deviceName, cancel: $0) }
    }

    /// Sends what is pending and brings what changed. One sync runs at a time.
    ///
    /// Cancelling the task stops the work within milliseconds and loses nothing: the receipt says what was achieved until
    /// then, with ``Ended/cancelled``, and the next sync goes on from there. Being offline is in the receipt too.
    ///
    /// - Parameter progress: Is told after every answer how far it got, on a thread of the engine's.
    /// - Throws: ``FieldsyncError``: before enrolment, while another sync runs, when the store fails.
    @discardableResult
    public func sync(progress: (@Sendable (SyncProgress) -> Void)? = nil) async throws -> SyncReceipt {
        try await cancelling { try await self.sync(cancel: $0, observer: progress.map(Teller.init)) }
    }

    /// Syncs, and tells about it as a sequence: progress, then the receipt. The sync begins with the first element asked
    /// for, and stops when the loop is left or its task cancelled.
    public func syncing() -> AsyncThrowingStream<SyncUpdate, any Error> {
        AsyncThrowingStream { continuation in
            let handle = CancelHandle()
            continuation.onTermination = { _ in try? handle.cancel() }
            Task {
                do {
                    let teller = Teller { continuation.yield(.progress($0)) }
                    continuation.yield(.finished(try await self.sync(cancel: handle, observer: teller)))
                    continuation.finish()
                } catch {
                    continuation.finish(throwing: error)
                }
            }
        }
    }

    /// Brings the content of a photo here, when it is not here yet, and says where it lies. Cancelling the task stops it.
    ///
    /// - Throws: ``FieldsyncError``, or `CancellationError` when the task was cancelled.
    public func fetchPhoto(attachment: UUID) async throws -> PhotoFile {
        try await cancelling { try await self.fetchPhoto(attachment: attachment, cancel: $0) }
    }

    /// What changes from now on: sets of ids, each after its commit. Read again what shows them.
    ///
    /// A loop that is slow misses nothing and piles nothing up: whatever changed since its last turn comes as one set. The
    /// sequence ends with the device, and stops when its task is cancelled or nobody holds it any more.
    ///
    /// - Parameter records: Which records to hear of; every one when empty. A work order counts as changed with all that
    ///   belongs to it.
    /// - Throws: ``FieldsyncError``, in practice never.
    public func changes(of records: [UUID] = []) throws -> Changes {
        let (signals, signal) = AsyncStream.makeStream(of: Void.self, bufferingPolicy: .bufferingNewest(1))
        let heard = Heard(signal: signal)
        let subscription = try watch(records: records, observer: Observer(heard: heard))
        signal.onTermination = { _ in try? subscription.end() }
        return Changes(signals: signals, heard: heard)
    }

    /// What `read` returns now, and again after every change of `records`: what a screen shows, kept true.
    ///
    /// A loop that is slow gets the newest value. The sequence ends with the device, and stops when the loop is left or its
    /// task cancelled. What `read` throws ends it.
    public func live<Value: Sendable>(
        _ records: [UUID] = [], _ read: @escaping @Sendable (Device) throws -> Value
    ) -> AsyncThrowingStream<Value, any Error> {
        AsyncThrowingStream(bufferingPolicy: .bufferingNewest(1)) { continuation in
            let task = Task {
                do {
                    // Listens before it reads, so that nothing falls between.
                    let changes = try self.changes(of: records)
                    continuation.yield(try await self.perform(read))
                    for await _ in changes { continuation.yield(try await self.perform(read)) }
                    continuation.finish()
                } catch {
                    continuation.finish(throwing: error)
                }
            }
            continuation.onTermination = { _ in task.cancel() }
        }
    }
}

/// What a sync tells: how far it got, again and again, then its receipt.
public enum SyncUpdate: Sendable, Equatable {
    case progress(SyncProgress)
    case finished(SyncReceipt)
}

/// Sets of ids of what changed; see ``Device/changes(of:)``.
public struct Changes: AsyncSequence, Sendable {
    fileprivate let signals: AsyncStream<Void>
    fileprivate let heard: Heard

    public func makeAsyncIterator() -> Iterator { Iterator(signals: signals.makeAsyncIterator(), heard: heard) }

    public struct Iterator: AsyncIteratorProtocol {
        fileprivate var signals: AsyncStream<Void>.Iterator
        fileprivate let heard: Heard

        public mutating func next() async -> Set<UUID>? {
            while await signals.next() != nil {
                let records = heard.take()
                if !records.isEmpty { return records }
            }
            return nil
        }
    }
}

/// Ids that were told and not taken yet.
private final class Heard: @unchecked Sendable {
    let signal: AsyncStream<Void>.Continuation
    private let lock = NSLock()
    private var records: Set<UUID> = []

    init(signal: AsyncStream<Void>.Continuation) { self.signal = signal }

    func add(_ more: [UUID]) {
        lock.withLock { records.formUnion(more) }
        signal.yield()
    }

    func take() -> Set<UUID> {
        lock.withLock {
            defer { records = [] }
            return records
        }
    }
}

/// The engine's end of a sequence of changes: the sequence ends when the engine lets go of it.
private final class Observer: ChangeObserver {
    private let heard: Heard

    init(heard: Heard) { self.heard = heard }

    deinit { heard.signal.finish() }

    func changed(records: [UUID]) { heard.add(records) }
}

private final class Teller: SyncObserver {
    private let tell: @Sendable (SyncProgress) -> Void

    init(_ tell: @escaping @Sendable (SyncProgress) -> Void) { self.tell = tell }

    func progress(progress: SyncProgress) { tell(progress) }
}

/// Gives `work` a handle that the task's cancellation uses: the generated code alone would go on to the end.
private func cancelling<Value: Sendable>(_ work: @Sendable (CancelHandle) async throws -> Value) async throws -> Value {
    let handle = CancelHandle()
    return try await withTaskCancellationHandler {
        do {
            return try await work(handle)
        } catch FieldsyncError.Cancelled {
            throw CancellationError()
        }
    } onCancel: {
        try? handle.cancel()
    }
}

/// Where synchronous calls wait for the disk. Few threads: the store has one writer, and a phone little memory.
private let waiting: OperationQueue = {
    let queue = OperationQueue()
    queue.name = "fieldsync"
    queue.maxConcurrentOperationCount = 8
    queue.qualityOfService = .userInitiated
    return queue
}()
