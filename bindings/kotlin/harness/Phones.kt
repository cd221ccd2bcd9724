package com.fieldsync

import com.fieldsync.core.Device
import com.fieldsync.core.Ended
import com.fieldsync.core.OpenOptions
import com.fieldsync.core.SyncReceipt
import java.nio.file.Files
import java.nio.file.Path
import java.util.UUID

/** Opens the device in [folder]. */
fun openAt(folder: Path): Device = Device.open(OpenOptions(dir = "$folder"))

/** A technician's phone in a folder of its own: enrolled at [url], synced once, shut down with the test. */
class Phone private constructor(
    val folder: Path,
    val device: Device,
) : AutoCloseable {
    /** Syncs, and asserts that both sides then hold the same. */
    suspend fun syncWhole(): SyncReceipt {
        val receipt = device.sync { }
        check(receipt.ended == Ended.Complete) { receipt.text }
        check(receipt.agrees == true) { receipt.text }
        return receipt
    }

    override fun close() {
        device.close()
        folder.toFile().deleteRecursively()
    }

    companion object {
        suspend fun enrol(
            office: Office,
            technician: UUID,
            url: String = office.url,
        ): Phone {
            val folder = Files.createTempDirectory("fieldsync-phone")
            val phone = Phone(folder, openAt(folder.resolve("store")))
            phone.device.enrol(url, office.code(technician), "phone")
            phone.syncWhole()
            return phone
        }
    }
}
