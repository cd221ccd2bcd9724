import Fieldsync
import Foundation
import Harness
import Recipes
import Testing

extension TheEngine {
    @Suite struct TheSample {
        @Test func playsADayInATerminal() async throws {
            let office = try Office()
            let anna = try office.technician("Anna Berg")
            let order = try office.order("bucket drops", for: anna)
            let folder = try temporaryFolder("sample")
            defer { remove(folder) }
            let sample = URL(fileURLWithPath: CommandLine.arguments[0]).deletingLastPathComponent()
                .appendingPathComponent("Technician")
            @discardableResult
            func technician(_ words: String...) throws -> String { try run(sample, [folder.path] + words) }

            #expect(try technician("enrol", office.url, office.code(for: anna)).contains("Anna Berg"))
            #expect(try technician("sync").contains("complete"))
            let day = try technician("day")
            #expect(day.contains("bucket drops"))
            let number = "WO-000001"
            try technician("start", number)
            try technician("part", number, "SK-40", "1.5")
            try technician("note", number, "gate code 4711")
            try technician("report", number, "seal worn", "seal kit replaced")
            try technician("finish", number)
            try technician("sign", number, "Li Wei")
            let before = try technician("job", number)
            #expect(before.contains("Li Wei, customer: verified, not yet at the office"))
            #expect(try technician("sync").contains("complete"))
            try technician("sync")
            #expect(try technician("job", number).contains("verified, counter-signed by the office"))
            #expect(try office.page(of: order).contains("Li Wei"))
            #expect(throws: Failure.self) { try technician("job", "WO-999999") }
        }
    }

    @Suite struct TheRecipes {
        @Test func inTheBackgroundItSyncsAndLetsGoOfTheStore() async throws {
            let office = try Office()
            let anna = try office.technician("Anna Berg")
            let folder = try temporaryFolder("recipes")
            defer { remove(folder) }
            let device = try openDevice(in: folder)
            defer { try? device.shutdown() }
            try await device.enrol(serverUrl: office.url, code: office.code(for: anna), deviceName: "a phone")
            #expect(await syncInBackground(device))
            #expect { try device.status() } throws: { ($0 as? FieldsyncError)?.code == "paused" }
            try device.resume()
            #expect(try device.status().agrees == true)
            office.close()
            #expect(await !syncInBackground(device))
        }
    }
}
