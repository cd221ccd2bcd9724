package com.fieldsync

import com.fieldsync.core.Device
import com.fieldsync.core.JobFilter
import com.fieldsync.core.OpenOptions
import com.fieldsync.core.version
import kotlinx.coroutines.CoroutineScope
import kotlinx.coroutines.Dispatchers
import kotlinx.coroutines.async
import kotlinx.coroutines.cancelAndJoin
import kotlinx.coroutines.launch
import kotlinx.coroutines.runBlocking
import java.io.File
import java.nio.file.Files
import java.nio.file.Path
import java.util.UUID

/** The figures of docs/PERFORMANCE.md that are measured from Kotlin: `./check figures`. */
object Bench {
    @JvmStatic
    fun main(arguments: Array<String>): Unit =
        runBlocking {
            val orders = arguments.firstOrNull()?.toInt() ?: 2_000
            Office().use { office ->
                val anna = office.technician("Anna Berg")
                fill(office, anna, orders)
                Proxy(office.port).use { wire -> measure(office, anna, wire, orders) }
            }
        }

    /** Orders with a customer, a site and an asset each, all with one technician. */
    fun fill(
        office: Office,
        technician: UUID,
        orders: Int,
    ) {
        val machine = "Hydraulic cylinder of the bucket leaks, left hand side, since yesterday"
        office.import((1..orders).asSequence().map { "N-$it;Customer $it;Site $it;Excavator $it;$machine" })
        office.dispatchNew(office.orders(), technician)
    }

    private suspend fun measure(
        office: Office,
        anna: UUID,
        wire: Proxy,
        orders: Int,
    ) {
        val folder = Files.createTempDirectory("fieldsync-bench")
        val store = folder.resolve("store")
        val device = openAt(store)
        device.enrol(wire.url, office.code(anna), "phone")

        val before = residentPeakKb()
        val pull = CoroutineScope(Dispatchers.Default).async { device.sync { } }
        val (reads, edits) = waits(device) { pull.isActive }
        val receipt = pull.await()
        check(receipt.agrees == true) { receipt.text }
        line("first pull", "${receipt.received} records in ${receipt.roundTrips} answers, ${receipt.bytesDown / 1024} KiB")
        line("peak memory of the first pull, whole JVM", "${residentPeakKb() / 1024} MB, ${before / 1024} MB before it")
        line("longest wait of a read during it", "${reads.max() / 1000} us, median ${median(reads) / 1000} us, ${reads.size} reads")
        line(
            "longest wait of an edit during it",
            if (edits.isEmpty()) "none" else "${edits.max() / 1000} us, median ${median(edits) / 1000} us, ${edits.size} edits",
        )

        line("one call that returns a text", "${each(5_000) { version() }} us")
        line("one call that reads the store (status)", "${each(500) { device.status() }} us")
        val page = JobFilter(limit = 100u)
        check(device.jobs(page).items.size == minOf(100, orders))
        line("a page of 100 jobs", "${each(200) { device.jobs(page) }} us")
        val jobs = device.jobs(JobFilter(limit = 500u)).items.map { it.id }
        val order = jobs.last()
        repeat(10) { device.addNote(order, "a day's work") }
        line("a job's page", "${each(300) { device.job(order) }} us")
        var turn = 0
        line("an entry (a note), durable when it returns", "${each(100) { device.addNote(jobs[turn++ % 100], "bench") }} us")
        device.sync { }

        val cpu = processCpuMs()
        repeat(100) { device.sync { } }
        line("CPU of a sync with nothing to say", "${(processCpuMs() - cpu) / 100.0} ms")

        val silences =
            List(20) {
                wire.holdAnswers()
                val syncing = CoroutineScope(Dispatchers.Default).launch { device.sync { } }
                wire.awaitHeldAnswer()
                val asked = System.nanoTime()
                syncing.cancelAndJoin()
                val ended = System.nanoTime()
                wire.passAnswers()
                check(wire.lastSentNs < ended)
                ended - asked
            }
        line("from cancel to silence", "median ${median(silences) / 1000} us, longest ${silences.max() / 1000} us")
        device.close()

        val opens =
            List(11) {
                val begun = System.nanoTime()
                openAt(store).use { check(it.jobs(JobFilter()).items.isNotEmpty()) }
                System.nanoTime() - begun
            }
        line(
            "open and first page, store of ${receipt.received} records",
            "median ${median(opens) / 1000} us, longest ${opens.max() / 1000} us",
        )
        folder.toFile().deleteRecursively()
    }

    /** How long reads and edits took while [isRunning]; the edits go to one order after the other, as on a day with many. */
    fun waits(
        device: Device,
        isRunning: () -> Boolean,
    ): Pair<List<Long>, List<Long>> {
        val reads = ArrayList<Long>()
        val edits = ArrayList<Long>()
        var orders = emptyList<UUID>()
        while (isRunning()) {
            reads +=
                timed {
                    orders = device.jobs(JobFilter(limit = 100u)).items.map { it.id }
                }
            if (orders.isNotEmpty()) {
                val order = orders[edits.size % orders.size]
                edits += timed { device.addNote(order, "while it syncs") }
            }
        }
        return reads to edits
    }

    private inline fun timed(work: () -> Unit): Long {
        val begun = System.nanoTime()
        work()
        return System.nanoTime() - begun
    }

    /** Median time of one call, microseconds, once warm. */
    private inline fun each(
        times: Int,
        call: () -> Unit,
    ): Long {
        repeat(times) { call() }
        return median(List(times) { timed(call) }) / 1000
    }

    private fun median(values: List<Long>): Long = values.sorted()[values.size / 2]

    private fun residentPeakKb(): Long =
        File("/proc/self/status")
            .readLines()
            .first { it.startsWith("VmHWM") }
            .filter(Char::isDigit)
            .toLong()

    private fun processCpuMs(): Double {
        val bean =
            java.lang.management.ManagementFactory
                .getOperatingSystemMXBean()
        return (bean as com.sun.management.OperatingSystemMXBean).processCpuTime / 1e6
    }

    private fun line(
        what: String,
        figure: String,
    ) = println("figure: kotlin, $what: $figure")
}
