package com.fieldsync

import kotlinx.coroutines.runBlocking
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertFalse
import org.junit.jupiter.api.Assertions.assertTrue
import org.junit.jupiter.api.Test
import java.nio.file.Path
import java.util.UUID
import java.util.concurrent.TimeUnit

/** A process killed with SIGKILL at the worst moment. */
class KilledTest {
    @Test
    fun `an app killed after the office answered and before it read the answer converges and repeats nothing`() =
        runBlocking<Unit> {
            Office().use { office ->
                Proxy(office.port).use { wire ->
                    val anna = office.technician("Anna Berg")
                    val order = office.order("Bucket cylinder leaks", anna)
                    Phone.enrol(office, anna, wire.url).use { phone ->
                        val store = phone.folder.resolve("store")
                        phone.device.shutdown()
                        wire.holdAnswers()
                        val app = start(store, order)

                        wire.awaitHeldAnswer()
                        assertTrue(office.get("/jobs/$order").contains(NOTE), "the office had taken it")
                        app.destroyForcibly()
                        assertTrue(app.waitFor(120, TimeUnit.SECONDS) && app.exitValue() == SIGKILLED)
                        wire.passAnswers()

                        openAt(store).use { device ->
                            assertEquals(1u, device.status().pending, "the app does not know yet")
                            assertEquals(
                                NOTE,
                                device
                                    .job(order)
                                    .notes
                                    .single()
                                    .text,
                            )
                            val receipt = device.sync { }
                            assertEquals(0u, receipt.stillHere, receipt.text)
                            assertEquals(true, receipt.agrees)
                            assertEquals(1, device.job(order).notes.size)
                        }
                    }
                    Phone.enrol(office, anna).use { tablet ->
                        assertEquals(
                            listOf(NOTE),
                            tablet.device
                                .job(order)
                                .notes
                                .map { it.text },
                        )
                    }
                }
                office.cli("verify")
            }
        }

    private fun start(
        store: Path,
        order: UUID,
    ): Process {
        val java = Path.of(System.getProperty("java.home"), "bin", "java")
        val classes = System.getProperty("surefire.test.class.path") ?: System.getProperty("java.class.path")
        val library = "-Djna.library.path=${System.getProperty("jna.library.path")}"
        return ProcessBuilder("$java", library, "-cp", classes, App::class.java.name, "$store", "$order").inheritIO().start()
    }

    /** The app that is killed. */
    object App {
        @JvmStatic
        fun main(arguments: Array<String>): Unit =
            runBlocking {
                openAt(Path.of(arguments[0])).use { device ->
                    device.addNote(UUID.fromString(arguments[1]), NOTE)
                    device.sync { }
                }
            }
    }

    @Test
    fun `the example's store is read here and ours there`() =
        runBlocking<Unit> {
            Office().use { office ->
                val anna = office.technician("Anna Berg")
                val order = office.order("Belt tracks to one side", anna)
                Phone.enrol(office, anna).use { phone ->
                    val store = phone.folder.resolve("store")
                    phone.device.addNote(order, "written by Kotlin")
                    val number = phone.device.job(order).number
                    phone.device.shutdown()
                    val rust = { words: List<String> -> run("${Built.technician}", "--dir", "$store", *words.toTypedArray()) }

                    assertTrue(rust(listOf("show", number)).contains("written by Kotlin"))
                    rust(listOf("note", number, "written by Rust 🦀 北方"))
                    rust(listOf("start", number))

                    openAt(store).use { device ->
                        val page = device.job(order)
                        assertEquals(setOf("written by Kotlin", "written by Rust 🦀 北方"), page.notes.map { it.text }.toSet())
                        assertEquals(1, page.visits.size)
                        val receipt = device.sync { }
                        assertEquals(3u, receipt.accepted, receipt.text)
                        assertFalse(device.status().pending > 0u)
                    }
                }
            }
        }

    private companion object {
        const val NOTE = "written just before the battery fell out"
        const val SIGKILLED = 128 + 9
    }
}
