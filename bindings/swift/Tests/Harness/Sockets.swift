#if canImport(Glibc)
import Glibc

private let streams = Int32(SOCK_STREAM.rawValue)
private let silent = Int32(MSG_NOSIGNAL)
#else
import Darwin

private let streams = SOCK_STREAM
private let silent: Int32 = 0
#endif

/// A TCP socket on loopback, and nothing more than the tests need of one.
public struct Socket: Sendable {
    public let number: Int32

    /// Listens on a free port.
    public static func listening() throws -> Socket {
        let made = try Socket(number: checked(socket(AF_INET, streams, 0)))
        _ = try made.withAddress(port: 0) { try checked(bind(made.number, $0, $1)) }
        _ = try checked(listen(made.number, 64))
        return made
    }

    public static func connected(to port: UInt16) throws -> Socket {
        let made = try Socket(number: checked(socket(AF_INET, streams, 0)))
        do {
            _ = try made.withAddress(port: port) { try checked(connect(made.number, $0, $1)) }
        } catch {
            made.close()
            throw error
        }
        return made
    }

    /// The port it listens on.
    public var port: UInt16 {
        var address = sockaddr_in()
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        withUnsafeMutablePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { _ = getsockname(number, $0, &length) }
        }
        return UInt16(bigEndian: address.sin_port)
    }

    /// The next connection; `nil` when the listener was shut.
    public func accepted() -> Socket? {
        let accepted = accept(number, nil, nil)
        return accepted < 0 ? nil : Socket(number: accepted)
    }

    /// What arrived; nothing at the end.
    public func read() -> [UInt8] {
        var bytes = [UInt8](repeating: 0, count: 64 * 1024)
        let count = recv(number, &bytes, bytes.count, 0)
        return Array(bytes.prefix(max(0, count)))
    }

    /// Whether all of it was sent.
    public func write(_ bytes: [UInt8]) -> Bool {
        var sent = 0
        while sent < bytes.count {
            let count = bytes.withUnsafeBytes { send(number, $0.baseAddress! + sent, bytes.count - sent, silent) }
            if count <= 0 { return false }
            sent += count
        }
        return true
    }

    /// Wakes whoever reads or accepts.
    public func shut() { _ = shutdown(number, Int32(SHUT_RDWR)) }

    public func close() {
        #if canImport(Glibc)
        _ = Glibc.close(number)
        #else
        _ = Darwin.close(number)
        #endif
    }

    private func withAddress<T>(port: UInt16, _ work: (UnsafePointer<sockaddr>, socklen_t) throws -> T) rethrows -> T {
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = port.bigEndian
        address.sin_addr.s_addr = UInt32(0x7f00_0001).bigEndian
        return try withUnsafePointer(to: &address) { pointer in
            try pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                try work($0, socklen_t(MemoryLayout<sockaddr_in>.size))
            }
        }
    }
}

private func checked(_ result: Int32) throws -> Int32 {
    if result < 0 { throw Failure("a socket: \(String(cString: strerror(errno)))") }
    return result
}
