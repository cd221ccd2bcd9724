package com.fieldsync

import com.fieldsync.core.DrawerState
import com.fieldsync.core.JobFilter
import com.fieldsync.core.JobStatus
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Test
import java.nio.file.Files

/** A store that an earlier release wrote in Rust, kept in the repository. */
class OldStoreTest {
    @Test
    fun `a store of an earlier release is read with everything that waits in it`() {
        val folder = Files.createTempDirectory("fieldsync-old")
        val kept = Built.repository.resolve("tests/golden/stores/device-v2.sqlite")
        Files.copy(kept, folder.resolve("fieldsync.db"))
        openAt(folder).use { device ->
            val status = device.status()
            assertEquals(listOf(17u, 1u, 1u), listOf(status.pending, status.refused, status.photos))
            assertEquals(listOf(DrawerState.REFUSED), device.drawer().map { it.state })
            val open = device.jobs(JobFilter()).items.single { it.problem == "tooth lost" }
            assertEquals(JobStatus.IN_PROGRESS, open.status)
            val page = device.job(open.id)
            assertEquals(listOf("閘門密碼 4711"), page.notes.map { it.text })
            assertEquals(1, page.photos.size)
        }
        folder.toFile().deleteRecursively()
    }
}
