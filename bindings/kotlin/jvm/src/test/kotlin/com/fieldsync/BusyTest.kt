package com.fieldsync

import com.fieldsync.core.JobFilter
import kotlinx.coroutines.CoroutineScope
import kotlinx.coroutines.Dispatchers
import kotlinx.coroutines.async
import kotlinx.coroutines.runBlocking
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertTrue
import org.junit.jupiter.api.Test
import java.nio.file.Files

/** A first pull of 10,000 records, and an app that goes on meanwhile. */
class BusyTest {
    @Test
    fun `reads and edits go on while 10,000 records arrive`() =
        runBlocking<Unit> {
            Office().use { office ->
                val anna = office.technician("Anna Berg")
                Bench.fill(office, anna, ORDERS)
                val folder = Files.createTempDirectory("fieldsync-busy")
                openAt(folder.resolve("store")).use { device ->
                    device.enrol(office.url, office.code(anna), "phone")

                    val pull = CoroutineScope(Dispatchers.Default).async { device.sync { } }
                    val (reads, edits) = Bench.waits(device) { pull.isActive }
                    val receipt = pull.await()

                    assertTrue(receipt.received >= 5u * ORDERS.toUInt(), receipt.text)
                    assertEquals(true, receipt.agrees)
                    assertTrue(reads.size > 20 && edits.size > 5, "${reads.size} reads, ${edits.size} edits went through")
                    // How long the longest waited is a figure, not a verdict: machines differ. The bench keeps figures.
                    println("longest wait: read ${reads.max() / 1_000_000} ms, edit ${edits.max() / 1_000_000} ms")
                    assertEquals(ORDERS, device.jobCounts().sumOf { it.count }.toInt())
                    assertEquals(0u, device.sync { }.stillHere)
                    assertEquals(500, device.jobs(JobFilter(limit = 500u)).items.size)
                }
                folder.toFile().deleteRecursively()
            }
        }

    private companion object {
        const val ORDERS = 2_000
    }
}
