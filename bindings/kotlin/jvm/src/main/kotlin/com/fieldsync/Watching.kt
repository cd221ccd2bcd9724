package com.fieldsync

import com.fieldsync.core.ChangeObserver
import com.fieldsync.core.Device
import com.sun.jna.Native
import kotlinx.coroutines.Dispatchers
import kotlinx.coroutines.channels.Channel
import kotlinx.coroutines.channels.awaitClose
import kotlinx.coroutines.flow.Flow
import kotlinx.coroutines.flow.buffer
import kotlinx.coroutines.flow.callbackFlow
import kotlinx.coroutines.flow.flow
import kotlinx.coroutines.flow.flowOn
import kotlinx.coroutines.flow.map
import kotlinx.coroutines.withContext
import java.util.UUID
import java.util.concurrent.atomic.AtomicReference

/**
 * Runs calls that only touch the store away from the caller's thread: `device.perform { job(order) }`.
 *
 * Such calls take milliseconds and never wait for a network, but a main thread should not even wait for a disk.
 */
public suspend fun <T> Device.perform(call: Device.() -> T): T = withContext(Dispatchers.IO) { call() }

/**
 * The ids of records that changed, told after the change is stored; of all records when [records] is empty.
 *
 * A work order counts as changed with everything that hangs below it. Changes that come faster than they are collected
 * are gathered, none is lost. The subscription ends with the collection.
 */
public fun Device.changes(vararg records: UUID): Flow<Set<UUID>> = gathered(records.asList(), isToldFirst = false)

/**
 * What [read] reads, now and again after every change of [records]; of anything when there are none.
 *
 * It reads off the caller's thread, and only as often as its results are collected.
 */
public fun <T> Device.live(
    vararg records: UUID,
    read: Device.() -> T,
): Flow<T> = gathered(records.asList(), isToldFirst = true).map { read() }.flowOn(Dispatchers.IO)

private fun Device.gathered(
    records: List<UUID>,
    isToldFirst: Boolean,
): Flow<Set<UUID>> =
    flow {
        val waiting = AtomicReference<Set<UUID>>(emptySet())
        val pokes =
            callbackFlow {
                val observer =
                    object : ChangeObserver {
                        override fun changed(records: List<UUID>) =
                            heard {
                                waiting.updateAndGet { it + records }
                                trySend(Unit)
                            }
                    }
                val subscription = watch(records, observer)
                // The first poke comes after the subscription began, so that nothing can change unseen in between.
                if (isToldFirst) trySend(Unit)
                awaitClose {
                    subscription.end()
                    subscription.close()
                }
            }.buffer(Channel.CONFLATED)
        pokes.collect { emit(waiting.getAndSet(emptySet())) }
    }

/**
 * Keeps the engine's thread known to the JVM after this callback. Otherwise JNA makes a new Java thread for every one,
 * which costs milliseconds each.
 */
internal fun stayAttached(): Unit = Native.detach(false)
