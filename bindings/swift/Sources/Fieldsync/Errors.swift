import Foundation

extension FieldsyncError: LocalizedError, CustomStringConvertible {
    /// Stable, for an app's own words and for support.
    public var code: String { facts.code }

    /// A sentence in English that may be shown as it is. Nothing personal stands in it.
    public var reason: String { facts.reason }

    public var errorDescription: String? { facts.reason }

    public var recoverySuggestion: String? {
        if case .NotNow(_, _, let remedy) = self { remedy } else { nil }
    }

    private var facts: (code: String, reason: String) {
        switch self {
        case .FixEntry(let code, let reason, _), .NotNow(let code, let reason, _), .TryLater(let code, let reason, _),
            .StorageDamaged(let code, let reason, _), .SignIn(let code, let reason), .UpdateApp(let code, let reason),
            .FreeSpace(let code, let reason), .Reopen(let code, let reason), .Cancelled(let code, let reason),
            .Defect(let code, let reason):
            (code, reason)
        }
    }
}
