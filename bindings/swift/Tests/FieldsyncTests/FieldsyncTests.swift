import Fieldsync
import Testing

@Suite struct TheEngine {
    @Test func tellsItsVersion() {
        #expect(version().split(separator: ".").count == 3)
    }
}
