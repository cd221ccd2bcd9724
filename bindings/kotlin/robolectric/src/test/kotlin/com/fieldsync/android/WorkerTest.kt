package com.fieldsync.android

import android.content.Context
import android.os.Looper
import androidx.work.Configuration
import androidx.work.CoroutineWorker
import androidx.work.OneTimeWorkRequest
import androidx.work.WorkInfo
import androidx.work.WorkManager
import androidx.work.WorkerParameters
import com.fieldsync.Office
import com.fieldsync.core.FieldsyncException
import com.fieldsync.sync
import kotlinx.coroutines.runBlocking
import org.junit.Assert.assertEquals
import org.junit.Assert.assertTrue
import org.junit.Test
import org.junit.runner.RunWith
import org.robolectric.RobolectricTestRunner
import org.robolectric.RuntimeEnvironment
import org.robolectric.Shadows.shadowOf
import org.robolectric.annotation.Config

/** A sync in the background, as docs/INTEGRATING.md writes it. */
class SyncWorker(
    context: Context,
    parameters: WorkerParameters,
) : CoroutineWorker(context, parameters) {
    override suspend fun doWork(): Result =
        openDevice(applicationContext).use { device ->
            try {
                device.sync { }
                if (device.status().isDrained) Result.success() else Result.retry()
            } catch (_: FieldsyncException.SignIn) {
                Result.failure()
            }
        }
}

@RunWith(RobolectricTestRunner::class)
@Config(sdk = [26, 34, 35])
class WorkerTest {
    @Test
    fun `a worker carries the work to the office`() {
        val context: Context = RuntimeEnvironment.getApplication()
        Office().use { office ->
            val order =
                openDevice(context).use { device ->
                    runBlocking { device.enrol(office.url, office.code(office.technician("Anna Berg")), "phone") }
                    device.openOrder(siteOrder()).order
                }
            WorkManager.initialize(context, Configuration.Builder().build())
            val request = OneTimeWorkRequest.Builder(SyncWorker::class.java).build()

            val manager = WorkManager.getInstance(context)
            manager.enqueue(request)

            val end = System.nanoTime() + 180_000_000_000
            var state: WorkInfo.State
            do {
                shadowOf(Looper.getMainLooper()).idle()
                state = manager.getWorkInfoById(request.id).get()!!.state
            } while (!state.isFinished && System.nanoTime() < end)
            assertEquals(WorkInfo.State.SUCCEEDED, state)
            assertTrue(office.get("/jobs/$order").contains("does not start"))
            openDevice(context).use { assertTrue(it.status().isDrained) }
        }
    }
}
