import Foundation

#if canImport(Glibc)
import Glibc
#else
import Darwin
#endif

/// A program as a process of its own, which inherits nothing of the test's: no socket, no blocked signal.
public final class Program: @unchecked Sendable {
    private let id: pid_t
    private let output: Int32
    private let errors: URL
    private let lock = NSLock()
    private var status: Int32?

    /// Starts a program with `input` as all it can read.
    public init(_ program: URL, _ arguments: [String], input: String = "") throws {
        let folder = FileManager.default.temporaryDirectory
        let entered = folder.appendingPathComponent("fieldsync-in-\(UUID())")
        errors = folder.appendingPathComponent("fieldsync-err-\(UUID())")
        try input.write(to: entered, atomically: false, encoding: .utf8)
        defer { remove(entered) }
        var ends: [Int32] = [0, 0]
        guard pipe(&ends) == 0 else { throw Failure("no pipe") }
        defer { _ = close(ends[1]) }
        output = ends[0]
        #if canImport(Glibc)
        var actions = posix_spawn_file_actions_t()
        #else
        var actions: posix_spawn_file_actions_t?
        #endif
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        posix_spawn_file_actions_addopen(&actions, 0, entered.path, O_RDONLY, 0)
        posix_spawn_file_actions_adddup2(&actions, ends[1], 1)
        posix_spawn_file_actions_addopen(&actions, 2, errors.path, O_WRONLY | O_CREAT, 0o600)
        #if canImport(Glibc)
        // A socket that a child holds too never closes.
        posix_spawn_file_actions_addclosefrom_np(&actions, 3)
        #endif
        #if canImport(Glibc)
        var attributes = posix_spawnattr_t()
        #else
        var attributes: posix_spawnattr_t?
        #endif
        posix_spawnattr_init(&attributes)
        defer { posix_spawnattr_destroy(&attributes) }
        var none = sigset_t()
        sigemptyset(&none)
        posix_spawnattr_setsigmask(&attributes, &none)
        posix_spawnattr_setflags(&attributes, Int16(POSIX_SPAWN_SETSIGMASK))
        var words: [UnsafeMutablePointer<CChar>?] = ([program.path] + arguments).map { strdup($0) } + [nil]
        defer { words.forEach { free($0) } }
        var started = pid_t()
        let failed = posix_spawn(&started, program.path, &actions, &attributes, &words, environ)
        guard failed == 0 else { throw Failure("\(program.path): \(String(cString: strerror(failed)))") }
        id = started
    }

    deinit {
        kill(SIGKILL)
        _ = close(output)
        remove(errors)
    }

    /// What it printed up to the end of a line, or to its end.
    public func line() -> String {
        var bytes: [UInt8] = []
        while let byte = read(most: 1).first, byte != UInt8(ascii: "\n") { bytes.append(byte) }
        return String(decoding: bytes, as: UTF8.self)
    }

    /// All it prints, when it has ended well.
    public func ended() throws -> String {
        var bytes: [UInt8] = []
        while case let more = read(most: 64 * 1024), !more.isEmpty { bytes += more }
        let status = wait()
        guard status == 0 else {
            throw Failure("ended with \(status): \((try? String(contentsOf: errors, encoding: .utf8)) ?? "")")
        }
        return String(decoding: bytes, as: UTF8.self)
    }

    /// Sends a signal and waits for the end.
    public func kill(_ signal: Int32) {
        guard lock.withLock({ status == nil }) else { return }
        #if canImport(Glibc)
        _ = Glibc.kill(id, signal)
        #else
        _ = Darwin.kill(id, signal)
        #endif
        _ = wait()
    }

    private func wait() -> Int32 {
        lock.withLock {
            if let status { return status }
            var ended: Int32 = 0
            while waitpid(id, &ended, 0) < 0, errno == EINTR {}
            status = ended
            return ended
        }
    }

    private func read(most: Int) -> [UInt8] {
        var bytes = [UInt8](repeating: 0, count: most)
        #if canImport(Glibc)
        let count = Glibc.read(output, &bytes, most)
        #else
        let count = Darwin.read(output, &bytes, most)
        #endif
        return Array(bytes.prefix(max(0, count)))
    }
}

/// Runs a program to its end and returns what it printed.
@discardableResult
public func run(_ program: URL, _ arguments: [String], input: String = "") throws -> String {
    do {
        return try Program(program, arguments, input: input).ended()
    } catch {
        throw Failure("\(program.lastPathComponent) \(arguments.joined(separator: " ")) \(error)")
    }
}
