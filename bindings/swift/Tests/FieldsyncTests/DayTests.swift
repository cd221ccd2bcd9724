import Fieldsync
import Foundation
import Harness
import Independent
import Testing

extension TheEngine {
    @Suite struct ADay {
        @Test func fromTheFirstJobToTheOfficesSignatureAndAnotherTechnician() async throws {
            let office = try Office()
            let (anna, bert) = (try office.technician("Anna Berg"), try office.technician("Bert Olsen"))
            let proxy = try Proxy(to: office)
            defer { proxy.close() }
            let job = try office.order("泵漏油, the bucket drops 😀", for: anna, customer: "北方矿业")
            let later = try office.order("track squeals", for: anna)
            let phone = try await Held.enrolled(at: proxy.url, of: office, for: anna)
            let device = phone.device

            // No network from here on.
            proxy.setOffline(true)
            let mine = try await device.perform { try $0.jobs(filter: JobFilter(mineOnly: true)).items }
            #expect(Set(mine.map(\.id)) == [job, later])
            #expect(try device.search(query: "泵漏油", limit: 10).jobs.map(\.job.id) == [job])
            _ = try device.setOut(order: job)
            _ = try device.startVisit(order: job)
            #expect(throws: FieldsyncError.self) { try device.finishVisit(order: job) }
            let report = try device.writeReport(order: job, entry: .solved(cause: "seal worn through"))
            let kit = PartEntry(
                number: "SK-40", name: "Seal kit 40 mm", quantityMilli: 1_500, unit: "pc", charge: .paid,
                priceMinor: 2_333, currency: "EUR")
            _ = try device.usePart(order: job, entry: kit)
            let now = Int64(Date().timeIntervalSince1970 * 1_000)
            _ = try device.addTime(order: job, entry: TimeEntry(activity: .work, fromMs: now - 5_700_000, toMs: now))
            _ = try device.addNote(order: job, text: "gate code 4711")
            let photo = try device.addPhoto(order: job, mediaType: "image/png", content: picture, caption: "the seal")
            _ = try device.finishVisit(order: job)
            let paper = try device.freezeDocument(order: job, kind: .workDone, language: "zh", consent: "我确认以上工作。")
            #expect(paper.voucher.totals == ["EUR": 3_500] && paper.voucher.customer == "北方矿业")
            _ = try device.sign(document: paper.id, strokes: strokes, signer: "李伟", role: "site manager")
            let signed = try #require(device.verify(order: job).first)
            #expect(signed.isVerified && signed.countersignedMs == nil && signed.differences.isEmpty)
            let failed = try await device.sync()
            guard case .offline = failed.ended else { throw Failure("a sync without a network \(failed.ended)") }
            #expect(try device.status().pending > 8 && !device.status().isDrained)

            // The phone goes off and on again, the network comes back.
            try phone.reopen()
            proxy.setOffline(false)
            let receipt = try await phone.device.sync()
            #expect(receipt.ended == .complete && receipt.sent == receipt.accepted && receipt.photosSent == 1)
            #expect(receipt.stillHere == 0 && receipt.agrees == true)
            #expect(try phone.device.status().isDrained)
            let page = try office.page(of: job)
            for text in ["seal worn through", "SK-40", "gate code 4711", "李伟"] { #expect(page.contains(text)) }

            // The office counter-signed; a third party verifies all of it without the engine.
            try await phone.device.sync()
            let evidence = try #require(phone.device.evidence(order: job).first)
            let statement = try Paper(evidence).verified(root: Bytes(evidence.root))
            #expect(statement["signer"] == .text("李伟"))
            #expect(evidence.countersigned && hex(sha256(Bytes(evidence.document))) == paper.hash)
            #expect(try phone.device.verify(order: job).first?.countersignedMs != nil)

            // Her tablet says something else about the cause, both without a network: a conflict, decided on the phone.
            let tablet = try await Held.enrolled(at: proxy.url, of: office, for: anna)
            #expect(try await tablet.device.fetchPhoto(attachment: photo).size == Int64(picture.count))
            _ = try phone.device.writeReport(order: job, entry: ReportEntry(cause: "seal cut"))
            _ = try tablet.device.writeReport(order: job, entry: ReportEntry(cause: "rod scored"))
            #expect(try await phone.device.sync().needsPerson.isEmpty)
            #expect(try await tablet.device.sync().needsPerson.map(\.record) == [report])
            try await phone.device.sync()
            let conflict = try #require(phone.device.conflicts().first)
            let keep = try #require(conflict.values.first { $0.fields.contains { $0.text == "rod scored" } })
            _ = try phone.device.resolveKeep(record: report, group: conflict.group, key: keep.key, seenToken: conflict.seen)
            try await phone.device.sync()
            try await tablet.device.sync()
            for device in [phone.device, tablet.device] {
                #expect(try device.conflicts().isEmpty)
                #expect(try device.job(order: job).reports.map(\.cause) == ["rod scored"])
                // It no longer says what the customer signed, and the signature still holds.
                let state = try #require(device.verify(order: job).first)
                #expect(state.isVerified && !state.differences.isEmpty)
            }

            // The other job goes to Bert while Anna has work of it waiting: the work arrives, then the job leaves.
            _ = try phone.device.addNote(order: later, text: "needs a long ladder")
            try office.dispatch(later, to: bert)
            let left = try await phone.device.sync()
            #expect(left.ended == .complete && left.left > 0)
            #expect(throws: FieldsyncError.self) { try phone.device.job(order: later) }
            let berts = try await Held.enrolled(at: proxy.url, of: office, for: bert)
            #expect(try berts.device.jobs(filter: JobFilter()).items.map(\.id) == [later])
            #expect(try office.get("/held").contains("needs a long ladder") || office.page(of: later).contains("needs a long ladder"))
            try office.command("verify")
        }
    }
}

extension Paper {
    init(_ evidence: Evidence) {
        let counter = evidence.countersignature.map { (evidence.countersignedMs ?? 0, Bytes($0)) }
        self.init(
            document: Bytes(evidence.document), statement: Bytes(evidence.statement), strokes: Bytes(evidence.strokes),
            deviceSignature: Bytes(evidence.deviceSignature), countersignature: counter)
    }
}

extension Evidence {
    var countersigned: Bool { countersignature != nil }
}
