// A technician's day in a terminal: what he has before him, one job, the parts he used, the customer's signature, and the
// sync that carries it all to the office. Everything but `enrol` and `sync` works without a network.
import Fieldsync
import Foundation

let usage = """
    usage: technician FOLDER COMMAND

      enrol SERVER CODE        make this folder the device of the technician the code was made for
      day                      what is before you today, and what is due
      jobs [WORDS]             your jobs; with words, those that say them
      job NUMBER               everything about a job
      start NUMBER             begin the visit
      part NUMBER PART [QTY]   record a part of the catalogue, or any other
      note NUMBER TEXT
      report NUMBER CAUSE METHOD
      finish NUMBER            end the visit
      sign NUMBER SIGNER       freeze what stands there and sign it, with strokes replayed
      sync                     send what is only here, bring what is new
      watch                    say what changes, until the end of input
    """

/// One column of a line.
func column(_ text: String, _ width: Int) -> String {
    text.count >= width ? String(text.prefix(width - 1)) + "…" : text + String(repeating: " ", count: width - text.count)
}

func amount(_ minor: Int64, _ currency: String) -> String {
    "\(currency) \(minor / 100).\(String(format: "%02d", abs(minor % 100)))"
}

struct Terminal {
    let device: Device

    /// The job a person means by its number.
    func named(_ number: String) throws -> UUID {
        let found = try device.search(query: number, limit: 20).jobs.map(\.job).filter { $0.number == number }
        guard let job = found.first else { throw Wrong("there is no job \(number) on this device") }
        return job.id
    }

    func list(_ jobs: [JobSummary]) {
        for job in jobs {
            let marks = [(job.hasPending, "only here"), (job.hasConflict, "to decide"), (job.hasRefused, "refused")]
            let said = marks.filter(\.0).map(\.1).joined(separator: ", ")
            let status = "\(job.status)"
            print(column(job.number, 14), column(status, 13), column(job.customer, 22), column(job.problem, 36), said)
        }
        if jobs.isEmpty { print("nothing") }
    }

    func day() async throws {
        let nowMs = Int64(Date().timeIntervalSince1970 * 1_000)
        let day = try dayContaining(atMs: nowMs, offsetMinutes: Int32(TimeZone.current.secondsFromGMT() / 60))
        let plan = try await device.perform { try $0.dayPlan(day: day) }
        print("planned")
        list(plan.planned)
        print("due")
        list(plan.due)
        let rest = try await device.perform { try $0.jobs(filter: JobFilter(mineOnly: true, sort: .priority)) }
        print("all \(rest.items.count)\(rest.next == nil ? "" : "+") of yours")
        list(rest.items)
    }

    func show(_ id: UUID) throws {
        let job = try device.job(order: id)
        print("\(job.number)  \(job.status)\n\(job.problem)")
        for (name, party) in [("customer", job.customer), ("site", job.site), ("asset", job.asset)] {
            if let party { print(column(name, 12), party.name) }
        }
        for report in job.reports {
            print(column("report", 12), [report.cause, report.method].compactMap { $0 }.joined(separator: "; "))
        }
        for part in job.parts where part.voidReason == nil {
            let price = part.totalMinor.map { amount($0, part.currency ?? "") } ?? ""
            print(column("part", 12), Double(part.quantityMilli) / 1_000, part.unit, part.number, part.name, price)
        }
        for note in job.notes { print(column("note", 12), note.text) }
        for signature in job.signatures {
            let word = signature.isVerified ? "verified" : signature.problem ?? "not verified"
            let office = signature.countersignedMs == nil ? "not yet at the office" : "counter-signed by the office"
            print(column("signed", 12), "\(signature.signer), \(signature.role): \(word), \(office)")
            for difference in signature.differences {
                print(column("", 12), "\(difference.place): \(difference.signed ?? "–") → \(difference.now ?? "–")")
            }
        }
        for missing in job.missing { print(column("missing", 12), missing) }
        for waiting in job.waiting { print(column("only here", 12), waiting.kind, waiting.group) }
    }

    func part(_ job: UUID, _ number: String, quantity: Double) throws {
        let known = try device.catalogue(text: number, limit: 5).first { $0.number == number }
        let entry = PartEntry(
            number: number, name: known?.name ?? number, quantityMilli: Int64((quantity * 1_000).rounded()),
            unit: known?.unit ?? "pc", part: known?.id, charge: .paid, priceMinor: known?.priceMinor,
            currency: known?.currency)
        _ = try device.usePart(order: job, entry: entry)
    }

    /// Shows the customer what is signed, then takes the strokes; on a phone they come from the finger.
    func sign(_ job: UUID, _ signer: String) throws {
        let paper = try device.freezeDocument(
            order: job, kind: .workDone, language: "en", consent: "I confirm the work and the parts listed here.")
        print("\(paper.voucher.number) for \(paper.voucher.customer)")
        for part in paper.voucher.parts { print("  \(part.name)", part.totalMinor.map { amount($0, part.currency ?? "") } ?? "") }
        for (currency, total) in paper.voucher.totals { print("  together", amount(total, currency)) }
        print(paper.voucher.consent)
        _ = try device.sign(document: paper.id, strokes: flourish(signer), signer: signer, role: "customer")
    }

    /// Strokes for a name: a wave a letter.
    func flourish(_ name: String) -> [Stroke] {
        var time: Int32 = 0
        return name.split(separator: " ").enumerated().map { word, letters in
            let points = (0..<Int32(letters.count) * 8).map { step -> StrokePoint in
                time += 12
                let height = sin(Double(step) * 0.8) * (step % 16 < 8 ? 120 : 60)
                return StrokePoint(x: 40 + Int32(word) * 260 + step * 9, y: 300 + Int32(height), timeMs: time, pressure: 500)
            }
            time += 150
            return Stroke(points: points)
        }
    }

    func sync() async throws {
        for try await update in device.syncing() {
            switch update {
            case .progress(let now): print("… \(now.received) received, \(now.stillHere) still here")
            case .finished(let receipt): print(receipt.text)
            }
        }
    }
}

struct Wrong: LocalizedError {
    let errorDescription: String?
    init(_ text: String) { errorDescription = text }
}

func run(_ words: [String]) async throws {
    guard words.count >= 2 else { throw Wrong(usage) }
    let terminal = Terminal(device: try Device.open(options: OpenOptions(dir: words[0])))
    let device = terminal.device
    func job() throws -> UUID {
        guard words.count > 2 else { throw Wrong("say which job, by its number") }
        return try terminal.named(words[2])
    }
    func word(_ place: Int, _ what: String) throws -> String {
        guard words.count > place else { throw Wrong("say \(what)") }
        return words[place]
    }
    switch words[1] {
    case "enrol":
        let name = ProcessInfo.processInfo.hostName
        let identity = try await device.enrol(
            serverUrl: word(2, "where the office is"), code: word(3, "the code"), deviceName: name)
        print("this is now the device of \(identity.personName)")
    case "day": try await terminal.day()
    case "jobs":
        let words = words.dropFirst(2).joined(separator: " ")
        terminal.list(try device.jobs(filter: JobFilter(text: words.isEmpty ? nil : words)).items)
    case "job": try terminal.show(job())
    case "start": _ = try device.startVisit(order: job())
    case "part":
        let quantity = words.count > 4 ? Double(words[4]) : 1
        guard let quantity else { throw Wrong("\(words[4]) is no quantity") }
        try terminal.part(job(), word(3, "which part"), quantity: quantity)
    case "note": _ = try device.addNote(order: job(), text: word(3, "what to note"))
    case "report":
        let entry = try ReportEntry(cause: word(3, "the cause"), method: word(4, "the method"), outcome: .solved)
        _ = try device.writeReport(order: job(), entry: entry)
    case "finish": _ = try device.finishVisit(order: job())
    case "sign": try terminal.sign(job(), word(3, "who signs"))
    case "sync": try await terminal.sync()
    case "watch":
        for try await count in device.live([], { try $0.status().pending }) { print("\(count) entries are only here") }
    default: throw Wrong(usage)
    }
}

do {
    try await run(Array(CommandLine.arguments.dropFirst()))
} catch {
    FileHandle.standardError.write(Data("\(error.localizedDescription)\n".utf8))
    exit(1)
}
