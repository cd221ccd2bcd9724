import Foundation

/// A wire between a device and the office that a test can look at, hold and cut.
public final class Proxy: @unchecked Sendable {
    private let listener: Socket
    private let officePort: UInt16
    private let state = NSCondition()
    private var open: [Socket] = []
    private var requests = 0
    private var heldAnswers = 0
    private var lastSent = ContinuousClock.now
    private var isHolding = false
    private var isOffline = false

    public init(to office: Office) throws {
        listener = try Socket.listening()
        officePort = office.port
        Thread.detachNewThread { [self] in
            while let device = listener.accepted() { connect(device) }
        }
    }

    deinit { listener.close() }

    public var url: String { "http://127.0.0.1:\(listener.port)" }

    /// Requests that a device sent until now.
    public var requestCount: Int { state.withLock { requests } }

    /// When a device last sent anything.
    public var lastSentAt: ContinuousClock.Instant { state.withLock { lastSent } }

    /// Whether there is no network: connections break, and none is made.
    public func setOffline(_ offline: Bool) {
        state.withLock {
            isOffline = offline
            if offline { open.forEach { $0.shut() } }
        }
    }

    /// From now on answers stay here, until they are let go.
    public func holdAnswers() { state.withLock { isHolding = true } }

    /// Lets the answers go that stayed here, and all later ones.
    public func letAnswersGo() {
        state.withLock {
            isHolding = false
            heldAnswers = 0
            state.broadcast()
        }
    }

    /// Waits until an answer of the office stays here.
    public func awaitHeldAnswer() throws { try wait(for: "an answer") { heldAnswers > 0 } }

    /// Waits until a device has sent so many requests.
    public func awaitRequests(_ count: Int) throws { try wait(for: "\(count) requests") { requests >= count } }

    public func close() {
        setOffline(true)
        letAnswersGo()
        listener.shut()
    }

    private func wait(for what: String, _ isThere: () -> Bool) throws {
        let deadline = Date(timeIntervalSinceNow: 60)
        state.lock()
        defer { state.unlock() }
        while !isThere() {
            guard state.wait(until: deadline) else { throw Failure("\(what) did not come") }
        }
    }

    private func connect(_ device: Socket) {
        guard !state.withLock({ isOffline }), let office = try? Socket.connected(to: officePort) else {
            device.close()
            return
        }
        state.withLock { open += [device, office] }
        let left = NSLock()
        nonisolated(unsafe) var directions = 2
        func pump(_ from: Socket, _ to: Socket, _ look: @escaping @Sendable ([UInt8]) -> Void) {
            Thread.detachNewThread { [self] in
                while case let bytes = from.read(), !bytes.isEmpty {
                    look(bytes)
                    if !to.write(bytes) { break }
                }
                from.shut()
                to.shut()
                let isLast = left.withLock {
                    directions -= 1
                    return directions == 0
                }
                guard isLast else { return }
                state.withLock { open.removeAll { $0.number == device.number || $0.number == office.number } }
                device.close()
                office.close()
            }
        }
        pump(device, office) { [self] bytes in
            // A head comes in one piece: the engine writes it at once, and loopback does not cut it.
            let heads = ["POST /sync/", "PUT /sync/", "GET /sync/", "HEAD /sync/"].filter { bytes.starts(with: $0.utf8) }
            state.withLock {
                lastSent = .now
                requests += heads.count
                state.broadcast()
            }
        }
        pump(office, device) { [self] _ in
            state.lock()
            if isHolding {
                heldAnswers += 1
                state.broadcast()
                while isHolding { state.wait() }
            }
            state.unlock()
        }
    }
}
