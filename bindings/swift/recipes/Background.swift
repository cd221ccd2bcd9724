// Recipes to copy into an app: syncing in the background, and letting go of the store before iOS suspends the app.
import Fieldsync
import Foundation

/// Syncs once and lets go of the store again: what an app does in the background. Cancelling the task ends the sync within
/// milliseconds; whatever the office has answered until then is kept.
///
/// iOS kills an app that is suspended while it holds a lock on a file (0xdead10cc): that is what `pause` is for. Between
/// `pause` and `resume` every call fails with `Reopen`.
///
/// - Returns: Whether everything was sent and received.
public func syncInBackground(_ device: Device) async -> Bool {
    try? device.resume()
    defer { try? device.pause() }
    guard let receipt = try? await device.sync() else { return false }
    return receipt.ended == .complete
}

#if os(iOS)
import BackgroundTasks
import UIKit

/// The app's background sync. The identifier also stands in Info.plist under `BGTaskSchedulerPermittedIdentifiers`, and
/// `fetch` under `UIBackgroundModes`.
///
/// Not a background `URLSession`: that one hands whole files to a daemon of the system and wakes the app afterwards, while
/// a sync is a conversation whose next message depends on the last answer, signed over a nonce of the office's. A refresh
/// task has about 30 seconds, a sync with nothing to say takes one small round trip, and one that is cut off goes on from
/// where it was.
@MainActor
public final class BackgroundSync {
    private let identifier = "com.example.fieldsync.sync"
    private let device: Device

    public init(device: Device) { self.device = device }

    /// To be called before the app has finished launching.
    public func register() {
        BGTaskScheduler.shared.register(forTaskWithIdentifier: identifier, using: .main) { task in
            MainActor.assumeIsolated { self.run(task) }
        }
    }

    /// To be called when the scene goes to the background: asks for the next turn, and lets go of the store unless
    /// something is still under way.
    public func sceneDidEnterBackground() {
        askForATurn()
        // A little time to finish what runs, then every lock is released before the app is suspended.
        var turn = UIBackgroundTaskIdentifier.invalid
        let work = Task { _ = await syncInBackground(device) }
        turn = UIApplication.shared.beginBackgroundTask { work.cancel() }
        Task {
            await work.value
            UIApplication.shared.endBackgroundTask(turn)
        }
    }

    /// To be called when the scene comes to the foreground, before anything is read.
    public func sceneWillEnterForeground() { try? device.resume() }

    private func run(_ task: BGTask) {
        let work = Task { await syncInBackground(device) }
        task.expirationHandler = { work.cancel() }
        Task {
            let isComplete = await work.value
            askForATurn()
            task.setTaskCompleted(success: isComplete)
        }
    }

    private func askForATurn() {
        let request = BGAppRefreshTaskRequest(identifier: identifier)
        request.earliestBeginDate = Date(timeIntervalSinceNow: 15 * 60)
        try? BGTaskScheduler.shared.submit(request)
    }
}
#endif
