package com.fieldsync

import com.fieldsync.core.AnchorStore
import com.fieldsync.core.CallbackException
import com.fieldsync.core.Device
import com.fieldsync.core.FieldsyncException
import com.fieldsync.core.OpenOptions
import kotlinx.coroutines.runBlocking
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertThrows
import org.junit.jupiter.api.Assertions.assertTrue
import org.junit.jupiter.api.Test
import java.nio.file.Files

/** An anchor that the app keeps, and what it is for. */
class AnchorTest {
    private class Kept(
        var value: ByteArray? = null,
    ) : AnchorStore {
        override fun load(): ByteArray? = value

        override fun save(value: ByteArray) {
            this.value = value
        }
    }

    @Test
    fun `a phone set up from another one's files goes on as its own, with all its work`() =
        runBlocking<Unit> {
            Office().use { office ->
                val anna = office.technician("Anna Berg")
                val order = office.order("Bucket cylinder leaks", anna)
                val folder = Files.createTempDirectory("fieldsync-copy")
                val options = OpenOptions(dir = "${folder.resolve("first")}")
                val anchor = Kept()
                Device.open(options, anchor).use {
                    it.enrol(office.url, office.code(anna), "phone")
                    it.sync { }
                    it.addNote(order, "on both")
                }
                folder.resolve("first").toFile().copyRecursively(folder.resolve("second").toFile())

                Device.open(options, anchor).use { first ->
                    // The copy has the files and not the anchor.
                    Device.open(OpenOptions(dir = "${folder.resolve("second")}"), Kept()).use { second ->
                        first.addNote(order, "on the first")
                        second.addNote(order, "on the second")
                        listOf(first, second, first).forEach { assertEquals(0u, it.sync { }.stillHere) }

                        val notes = first.job(order).notes.map { it.text }
                        assertTrue(notes.containsAll(listOf("on both", "on the first", "on the second")), "$notes")
                    }
                }
                office.cli("verify")
                folder.toFile().deleteRecursively()
            }
        }

    @Test
    fun `an anchor that cannot be read keeps the store closed, and says so`() {
        val folder = Files.createTempDirectory("fieldsync-anchor")
        val locked =
            object : AnchorStore {
                override fun load(): ByteArray? = throw CallbackException.Failed("the phone is locked")

                override fun save(value: ByteArray) = Unit
            }
        val options = OpenOptions(dir = "${folder.resolve("store")}")

        val error = assertThrows(FieldsyncException.TryLater::class.java) { Device.open(options, locked) } as FieldsyncException

        assertEquals("anchor", error.code)
        Device.open(options, Kept()).close()
        folder.toFile().deleteRecursively()
    }
}
