package com.fieldsync

import com.fieldsync.core.CallbackException
import com.fieldsync.core.CancelHandle
import com.fieldsync.core.Device
import com.fieldsync.core.SyncObserver
import com.fieldsync.core.SyncProgress
import com.fieldsync.core.SyncReceipt
import kotlinx.coroutines.CoroutineStart
import kotlinx.coroutines.NonCancellable
import kotlinx.coroutines.awaitCancellation
import kotlinx.coroutines.channels.Channel
import kotlinx.coroutines.coroutineScope
import kotlinx.coroutines.flow.Flow
import kotlinx.coroutines.flow.buffer
import kotlinx.coroutines.flow.channelFlow
import kotlinx.coroutines.launch
import kotlinx.coroutines.withContext

/** What a running sync says, in order; [Finished] comes last and once. */
public sealed interface SyncUpdate {
    /** The office answered. */
    public data class Progress(
        /** How far the sync has come. */
        public val progress: SyncProgress,
    ) : SyncUpdate

    /** The sync has ended, early or not: the receipt says which. */
    public data class Finished(
        /** What was sent, received, and is still only here. */
        public val receipt: SyncReceipt,
    ) : SyncUpdate
}

/**
 * Sends what is pending and brings what changed; [onProgress] is called after every answer, on a thread of the engine's.
 *
 * Cancelling the coroutine stops the sync itself, and the coroutine ends only when the sync has: from then on no further
 * request goes out and another sync may begin. What was answered until then is kept. Offline, it ends soon, with a receipt
 * that says so.
 *
 * @throws com.fieldsync.core.FieldsyncException.SignIn before enrolment.
 * @throws com.fieldsync.core.FieldsyncException.TryLater while another sync runs.
 */
public suspend fun Device.sync(onProgress: (SyncProgress) -> Unit): SyncReceipt =
    CancelHandle().use { handle ->
        val observer =
            object : SyncObserver {
                override fun progress(progress: SyncProgress) = heard { onProgress(progress) }
            }
        coroutineScope {
            val stopper =
                launch(start = CoroutineStart.UNDISPATCHED) {
                    try {
                        awaitCancellation()
                    } finally {
                        handle.cancel()
                    }
                }
            try {
                withContext(NonCancellable) { sync(handle, observer) }
            } finally {
                stopper.cancel()
            }
        }
    }

/** Syncs while it is collected; ending the collection stops the sync. */
public fun Device.syncing(): Flow<SyncUpdate> =
    channelFlow {
        val receipt = sync { trySend(SyncUpdate.Progress(it)) }
        send(SyncUpdate.Finished(receipt))
    }.buffer(Channel.UNLIMITED)

/** Runs what an observer does. Whatever it throws goes back as an error the engine knows, without a stack trace. */
internal inline fun heard(tell: () -> Unit) {
    stayAttached()
    try {
        tell()
    } catch (error: Exception) {
        throw CallbackException.Failed(error.javaClass.simpleName)
    }
}
