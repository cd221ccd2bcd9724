import Fieldsync
import Foundation
import Harness
import Testing

extension TheEngine {
    @Suite struct Killed {
        @Test func afterTheOfficeAnsweredAndBeforeThePhoneReadIt() async throws {
            let office = try Office()
            let anna = try office.technician("Anna Berg")
            let order = try office.order("bucket drops", for: anna)
            let proxy = try Proxy(to: office)
            defer { proxy.close() }
            let phone = try await Held.enrolled(at: proxy.url, of: office, for: anna)
            try phone.device.shutdown()

            proxy.holdAnswers()
            let here = URL(fileURLWithPath: CommandLine.arguments[0]).deletingLastPathComponent()
            let app = try Program(
                here.appendingPathComponent("Phone"), [phone.folder.path, order.uuidString, "the answer was lost"])
            #expect(app.line() == "entered")
            try proxy.awaitHeldAnswer()
            app.kill(SIGKILL)
            #expect(try office.page(of: order).contains("the answer was lost"))
            proxy.letAnswersGo()

            try phone.reopen()
            #expect(try phone.device.status().pending == 1)
            let receipt = try await phone.device.sync()
            #expect(receipt.ended == .complete && receipt.agrees == true)
            #expect(try phone.device.status().isDrained)
            let notes = try phone.device.job(order: order).notes.map(\.text)
            #expect(notes == ["the answer was lost"])
            try office.command("verify")
        }
    }
}
