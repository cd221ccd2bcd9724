// An app of its own process, to be killed: opens the folder, enters a note, says so, and syncs.
import Fieldsync
import Foundation

let (folder, order, text) = (CommandLine.arguments[1], CommandLine.arguments[2], CommandLine.arguments[3])
let device = try Device.open(options: OpenOptions(dir: folder))
_ = try device.addNote(order: UUID(uuidString: order)!, text: text)
FileHandle.standardOutput.write(Data("entered\n".utf8))
try await device.sync()
FileHandle.standardOutput.write(Data("synced\n".utf8))
