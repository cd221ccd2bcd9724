import Fieldsync
import Foundation
import Harness
import Testing

extension TheEngine {
    @Suite struct Texts {
        @Test func whateverPeopleWriteArrivesAsWritten() async throws {
            let office = try Office()
            let anna = try office.technician("安娜")
            let phone = try await Held.enrolled(at: office.url, of: office, for: anna)
            let texts = [
                "液压泵漏油，铲斗下降", "👩🏽‍🔧 🇳🇴 e\u{301} é", String(repeating: "ß", count: 40), String(repeating: "长", count: 40),
                "\"quoted\" \\ <b> & \t tab\nline", "\u{202e}right to left",
            ]
            let order = try phone.device.openOrder(
                order: NewOrder(customer: .newCustomer(customer: NewCustomer(name: texts[1])), problem: texts[0])
            ).order
            for text in texts { _ = try phone.device.addNote(order: order, text: text) }
            // Nothing is no note, and says so at its field.
            #expect { try phone.device.addNote(order: order, text: "") } throws: { error in
                guard case .FixEntry = error as? FieldsyncError else { return false }
                return true
            }
            try await phone.device.sync()
            let tablet = try await Held.enrolled(at: office.url, of: office, for: anna)
            let page = try tablet.device.job(order: order)
            #expect(page.notes.map { Array($0.text.utf8) } == texts.map { Array($0.utf8) })
            #expect(page.customer?.name == texts[1] && page.problem == texts[0])
            #expect(try tablet.device.search(query: "漏油", limit: 5).jobs.map(\.job.id) == [order])
            #expect(try tablet.device.search(query: "", limit: 5).jobs.isEmpty)
        }
    }

    @Suite struct Stores {
        @Test func aStoreOfAnEarlierReleaseIsReadWithEverythingThatWaitsInIt() throws {
            let folder = try temporaryFolder("old")
            defer { remove(folder) }
            let kept = Built.project.appendingPathComponent("tests/golden/stores/device-v2.sqlite")
            try FileManager.default.copyItem(at: kept, to: folder.appendingPathComponent("fieldsync.db"))
            let device = try Device.open(options: OpenOptions(dir: folder.path))
            let status = try device.status()
            #expect(status.pending == 17 && status.refused == 1 && status.photos == 1)
            #expect(try device.drawer().map(\.state) == [.refused])
            let open = try #require(try device.jobs(filter: JobFilter()).items.first { $0.problem == "tooth lost" })
            #expect(open.status == .inProgress)
            let page = try device.job(order: open.id)
            #expect(page.notes.map(\.text) == ["閘門密碼 4711"] && page.photos.count == 1)
            try device.shutdown()
        }

        /// Runs Rust's own app in a terminal on a folder.
        private func technician(_ folder: URL, _ arguments: String...) throws -> String {
            try run(Built.program("technician"), ["--dir", folder.path] + arguments)
        }

        @Test func aStoreThatRustWroteIsReadBySwiftAndTheReverse() async throws {
            let office = try Office()
            let anna = try office.technician("Anna Berg")
            let order = try office.order("泵漏油", for: anna)
            let name = order.uuidString.lowercased()
            let folder = try temporaryFolder("store")
            defer { remove(folder) }
            _ = try technician(folder, "enrol", office.url, office.code(for: anna))
            _ = try technician(folder, "sync")
            _ = try technician(folder, "note", name, "written by Rust 😀")
            _ = try technician(folder, "report", name, "--cause", "seal worn", "--outcome", "solved")
            _ = try technician(folder, "sign", name, "--signer", "Li Wei")

            let device = try Device.open(options: OpenOptions(dir: folder.path))
            let page = try device.job(order: order)
            #expect(page.notes.map(\.text) == ["written by Rust 😀"] && page.problem == "泵漏油")
            #expect(page.reports.map(\.outcome) == [.solved])
            #expect(try device.verify(order: order).map(\.isVerified) == [true])
            #expect(try device.status().pending > 3)
            _ = try device.addNote(order: order, text: "written by Swift 🔧")
            try device.shutdown()

            let shown = try technician(folder, "show", name)
            #expect(shown.contains("written by Swift 🔧") && shown.contains("written by Rust 😀"))
            #expect(try technician(folder, "verify", name).contains("Li Wei"))
            #expect(try technician(folder, "sync").contains("complete"))
            try office.command("verify")
        }
    }
}
