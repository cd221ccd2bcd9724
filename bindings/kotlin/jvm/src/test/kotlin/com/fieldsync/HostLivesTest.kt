package com.fieldsync

import com.fieldsync.core.ChangeObserver
import com.fieldsync.core.Device
import com.fieldsync.core.FieldsyncException
import com.fieldsync.core.JobFilter
import com.fieldsync.core.OpenOptions
import com.fieldsync.core.SyncObserver
import com.fieldsync.core.SyncProgress
import kotlinx.coroutines.CoroutineScope
import kotlinx.coroutines.Dispatchers
import kotlinx.coroutines.cancelAndJoin
import kotlinx.coroutines.flow.first
import kotlinx.coroutines.joinAll
import kotlinx.coroutines.launch
import kotlinx.coroutines.runBlocking
import kotlinx.coroutines.withTimeout
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertThrows
import org.junit.jupiter.api.Assertions.assertTrue
import org.junit.jupiter.api.Test
import java.lang.management.ManagementFactory
import java.lang.ref.WeakReference
import java.nio.file.Files
import java.util.UUID
import java.util.concurrent.CountDownLatch
import java.util.concurrent.TimeUnit
import java.util.concurrent.atomic.AtomicInteger
import kotlin.concurrent.thread

/** Whatever an app does wrong is a typed error, and the process lives. */
class HostLivesTest {
    private fun <T> onAJob(test: suspend (Phone, UUID) -> T) =
        runBlocking<Unit> {
            Office().use { office ->
                val anna = office.technician("Anna Berg")
                val order = office.order("Bucket cylinder leaks", anna)
                Phone.enrol(office, anna).use { test(it, order) }
            }
        }

    private fun until(
        what: String,
        isSo: () -> Boolean,
    ) {
        val end = System.nanoTime() + 120_000_000_000
        while (!isSo()) {
            check(System.nanoTime() < end) { what }
            Thread.onSpinWait()
        }
    }

    @Test
    fun `200 observers from several threads all hear, and nothing of them remains`() =
        onAJob { phone, order ->
            val threads = ManagementFactory.getThreadMXBean()
            val heard = AtomicInteger()
            val peak = AtomicInteger()
            val observers = ArrayList<WeakReference<ChangeObserver>>()
            val before = threads.threadCount
            val everyone = CountDownLatch(OBSERVERS)
            observe(phone, order, observers) {
                peak.accumulateAndGet(threads.threadCount, ::maxOf)
                heard.incrementAndGet()
                everyone.countDown()
            }.also { subscriptions ->
                (1..5).map { thread { phone.device.addNote(order, "note $it") } }.forEach(Thread::join)
                assertTrue(everyone.await(120, TimeUnit.SECONDS), "${everyone.count} observers heard nothing")
                subscriptions.forEach {
                    it.end()
                    it.close()
                }
            }
            assertTrue(heard.get() >= OBSERVERS)
            assertTrue(peak.get() - before < 20, "${peak.get()} threads, $before before")
            until("the observers are still held") {
                System.gc()
                observers.all { it.get() == null }
            }
            val silent = heard.get()
            phone.device.addNote(order, "nobody listens")
            assertEquals(1, withTimeout(120_000) { phone.device.live { job(order).notes.size / 6 }.first() })
            assertEquals(silent, heard.get())
        }

    private fun observe(
        phone: Phone,
        order: UUID,
        observers: MutableList<WeakReference<ChangeObserver>>,
        tell: () -> Unit,
    ) = List(OBSERVERS) { it }
        .parallelStream()
        .map { n ->
            val observer =
                object : ChangeObserver {
                    override fun changed(records: List<UUID>) = heard { tell() }
                }
            synchronized(observers) { observers += WeakReference<ChangeObserver>(observer) }
            phone.device.watch(if (n % 2 == 0) listOf(order) else emptyList(), observer)
        }.toList()

    @Test
    fun `200 flows from several threads end without a trace`() =
        onAJob { phone, order ->
            val threads = ManagementFactory.getThreadMXBean()
            val before = threads.threadCount
            val started = CountDownLatch(OBSERVERS)
            val scope = CoroutineScope(Dispatchers.Default)
            val reads = AtomicInteger()
            val screens =
                List(OBSERVERS) {
                    scope.launch {
                        phone.device.live(order) { job(order).notes.size }.collect {
                            reads.incrementAndGet()
                            started.countDown()
                        }
                    }
                }
            assertTrue(started.await(120, TimeUnit.SECONDS))

            phone.device.addNote(order, "seen by all")
            until("not every screen read again") { reads.get() >= 2 * OBSERVERS }

            screens.forEach { it.cancelAndJoin() }
            // Dispatchers.IO has 64 threads of its own; the engine must not add one for every screen.
            assertTrue(threads.threadCount - before < 100, "${threads.threadCount} threads, $before before")
            assertEquals(1, withTimeout(120_000) { phone.device.live(order) { job(order).notes.size }.first() })
        }

    @Test
    fun `a device that was shut down says so, and a closed one too`() =
        onAJob { phone, order ->
            phone.device.shutdown()
            phone.device.shutdown()
            val closed = assertThrows(FieldsyncException.Reopen::class.java) { phone.device.job(order) } as FieldsyncException
            assertEquals("closed", closed.code)
            assertEquals("Failed to use a device that was closed.", closed.reason)
            assertTrue(runCatching { phone.device.sync { } }.exceptionOrNull() is FieldsyncException.Reopen)

            phone.device.close()

            assertThrows(IllegalStateException::class.java) { phone.device.status() }
        }

    @Test
    fun `observers that throw are served again and reach nobody`() =
        onAJob { phone, order ->
            val calls = AtomicInteger()
            val observer =
                object : ChangeObserver {
                    override fun changed(records: List<UUID>) {
                        calls.incrementAndGet()
                        error("a customer's name that must not travel")
                    }
                }
            phone.device.watch(emptyList(), observer).use {
                phone.device.addNote(order, "one")
                until("the observer was not called") { calls.get() == 1 }
                phone.device.addNote(order, "two")
                until("the observer was not called again") { calls.get() == 2 }
            }
            val progress =
                object : SyncObserver {
                    override fun progress(progress: SyncProgress): Unit = throw OutOfMemoryError("pretended")
                }
            assertEquals(0u, phone.device.sync(null, progress).stillHere)
            assertEquals(0u, phone.device.sync { error("thrown by the app") }.stillHere)
        }

    @Test
    fun `a panic inside is a defect with a code, and the next call works`() =
        onAJob { phone, order ->
            val sync = assertThrows(FieldsyncException.Defect::class.java) { phone.device.panicForTest() } as FieldsyncException
            val async = runCatching { phone.device.panicForTestAsync() }.exceptionOrNull() as FieldsyncException

            assertEquals("panic", sync.code)
            assertEquals("panic", async.code)
            assertTrue("planted" !in sync.reason, sync.reason)
            phone.device.addNote(order, "it goes on")
            phone.syncWhole()
        }

    @Test
    fun `an engine used from many threads at once stays one engine`() =
        onAJob { phone, order ->
            val scope = CoroutineScope(Dispatchers.IO)
            List(8) { n ->
                scope.launch {
                    repeat(20) {
                        phone.device.addNote(order, "note $n.$it")
                        phone.device.jobs(JobFilter(limit = 10u))
                    }
                }
            }.joinAll()

            assertEquals(
                160,
                phone.device
                    .perform { job(order) }
                    .notes.size,
            )
            phone.syncWhole()
        }

    @Test
    fun `what is not enrolled, not there or no store is told apart`() =
        runBlocking<Unit> {
            val folder = Files.createTempDirectory("fieldsync-new")
            openAt(folder.resolve("store")).use { device ->
                assertTrue(runCatching { device.sync { } }.exceptionOrNull() is FieldsyncException.SignIn)
                val bad = runCatching { device.enrol("http://office.example", "ABCD", "phone") }.exceptionOrNull()
                assertEquals("bad_address", (bad as FieldsyncException.FixEntry).code)
                val far = runCatching { device.enrol("http://127.0.0.1:9", "ABCD", "phone") }.exceptionOrNull()
                assertTrue(far is FieldsyncException.TryLater, "$far")
                assertThrows(FieldsyncException.NotNow::class.java) { device.job(UUID.randomUUID()) }
            }
            val file = Files.writeString(folder.resolve("file"), "no folder")
            assertThrows(FieldsyncException.Defect::class.java) { Device.open(OpenOptions(dir = "$file/store")) }
            folder.toFile().deleteRecursively()
        }

    private companion object {
        const val OBSERVERS = 200
    }
}
