package com.fieldsync

import com.fieldsync.core.CancelHandle
import com.fieldsync.core.FieldsyncException
import com.fieldsync.core.Undecided
import kotlinx.coroutines.CoroutineScope
import kotlinx.coroutines.Dispatchers
import kotlinx.coroutines.async
import kotlinx.coroutines.cancelAndJoin
import kotlinx.coroutines.flow.first
import kotlinx.coroutines.launch
import kotlinx.coroutines.runBlocking
import kotlinx.coroutines.withTimeoutOrNull
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertFalse
import org.junit.jupiter.api.Assertions.assertNull
import org.junit.jupiter.api.Assertions.assertTrue
import org.junit.jupiter.api.Test

/** Cancelling stops the work, not the waiting alone. */
class StoppingTest {
    private fun <T> onAWire(test: suspend (Office, Proxy, Phone) -> T) =
        runBlocking<Unit> {
            Office().use { office ->
                Proxy(office.port).use { wire ->
                    val anna = office.technician("Anna Berg")
                    val order = office.order("Bucket cylinder leaks", anna)
                    Phone.enrol(office, anna, wire.url).use { phone ->
                        phone.device.addNote(order, "not sent yet")
                        test(office, wire, phone)
                    }
                }
            }
        }

    @Test
    fun `a cancelled coroutine ends at once, and no request follows`() =
        onAWire { _, wire, phone ->
            wire.holdAnswers()
            val syncing = CoroutineScope(Dispatchers.Default).launch { phone.device.sync { } }
            wire.awaitHeldAnswer()
            val sent = wire.requestCount

            val asked = System.nanoTime()
            syncing.cancelAndJoin()
            val tookMs = (System.nanoTime() - asked) / 1_000_000

            // The answer is still held, and after 30 s of silence the engine would give up by itself.
            assertTrue(tookMs < 20_000, "it took $tookMs ms")
            wire.passAnswers()
            assertEquals(1u, phone.device.status().pending, "what was not answered is still there")
            assertEquals(sent, wire.requestCount)
            // And the device goes on where it stood: one exchange with the same push, then at most one for what came.
            assertEquals(0u, phone.syncWhole().stillHere)
        }

    @Test
    fun `the receipt of a sync that was stopped names what was sent and not answered`() =
        onAWire { _, wire, phone ->
            wire.holdAnswers()
            val handle = CancelHandle()
            val syncing = CoroutineScope(Dispatchers.Default).async { phone.device.sync(handle) }
            wire.awaitHeldAnswer()

            handle.cancel()

            val receipt = syncing.await()
            assertEquals(listOf("note"), receipt.undecided.map { it.kind }, receipt.text)
            wire.passAnswers()
            val next = phone.syncWhole()
            assertEquals(emptyList<Undecided>(), next.undecided)
            assertFalse(next.startedOver)
            assertEquals(next.stuck, phone.device.stuck())
            assertEquals(0u, phone.device.status().stuck)
        }

    @Test
    fun `a coroutine that only waits with the generated call stops the work as well`() =
        onAWire { _, wire, phone ->
            wire.holdAnswers()
            val ended = withTimeoutOrNull(1_500) { phone.device.sync() }
            assertNull(ended)
            val sent = wire.requestCount
            wire.passAnswers()

            assertEquals(1u, phone.device.status().pending)
            assertEquals(sent, wire.requestCount)
        }

    @Test
    fun `leaving the flow stops the sync`() =
        onAWire { office, _, phone ->
            val update = phone.device.syncing().first()

            assertTrue(update is SyncUpdate.Progress)
            assertEquals(0u, phone.syncWhole().stillHere)
            office.cli("verify")
        }

    @Test
    fun `a second sync is told to wait, and the first one ends as it would have`() =
        onAWire { _, wire, phone ->
            wire.holdAnswers()
            val first = CoroutineScope(Dispatchers.Default).async { phone.device.sync { } }
            wire.awaitHeldAnswer()

            val second = runCatching { phone.device.sync { } }.exceptionOrNull()

            assertEquals("busy", (second as FieldsyncException.TryLater).code)
            wire.passAnswers()
            assertEquals(0u, first.await().stillHere)
        }

    @Test
    fun `shutting down ends a sync under way`() =
        onAWire { _, wire, phone ->
            wire.holdAnswers()
            val syncing = CoroutineScope(Dispatchers.Default).async { runCatching { phone.device.sync { } } }
            wire.awaitHeldAnswer()

            phone.device.shutdown()

            assertTrue(syncing.await().exceptionOrNull() is FieldsyncException.Reopen)
        }
}
