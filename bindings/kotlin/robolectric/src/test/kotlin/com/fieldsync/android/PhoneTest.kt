package com.fieldsync.android

import android.content.Context
import android.os.Looper
import com.fieldsync.Office
import com.fieldsync.changes
import com.fieldsync.code
import com.fieldsync.core.Device
import com.fieldsync.core.FieldsyncException
import com.fieldsync.core.KeyStoreException
import com.fieldsync.core.KnownOrNew
import com.fieldsync.core.NewCustomer
import com.fieldsync.core.NewOrder
import kotlinx.coroutines.CoroutineScope
import kotlinx.coroutines.Dispatchers
import kotlinx.coroutines.cancel
import kotlinx.coroutines.launch
import kotlinx.coroutines.runBlocking
import org.junit.Assert.assertArrayEquals
import org.junit.Assert.assertEquals
import org.junit.Assert.assertFalse
import org.junit.Assert.assertThrows
import org.junit.Assert.assertTrue
import org.junit.Before
import org.junit.Test
import org.junit.runner.RunWith
import org.robolectric.RobolectricTestRunner
import org.robolectric.RuntimeEnvironment
import org.robolectric.Shadows.shadowOf
import org.robolectric.annotation.Config
import java.io.File
import java.lang.ref.WeakReference
import java.security.Security
import java.util.UUID

/** The Android package on the framework's own code. */
@RunWith(RobolectricTestRunner::class)
@Config(sdk = [26, 34, 35])
class PhoneTest {
    private val context: Context = RuntimeEnvironment.getApplication()

    @Before
    fun `a keystore is there`() {
        // Providers belong to the JVM, the framework's classes to each SDK: the one of another SDK is of no use here.
        Security.removeProvider("AndroidKeyStore")
        Security.addProvider(FakeKeystore())
        FakeKeystore.keys.clear()
    }

    private fun open(): Device = openDevice(context)

    @Test
    fun `store and anchor lie where backups do not reach`() {
        open().use { device ->
            assertEquals(0u, device.status().records)
        }

        val store = File(context.noBackupFilesDir, "fieldsync")
        assertTrue(store.list()!!.isNotEmpty())
        assertTrue(File(context.noBackupFilesDir, "fieldsync.anchor").isFile)
        assertFalse(store.walk().any { it.name.contains("anchor") })
    }

    @Test
    fun `the store's key survives a restart and never lies open in a file`() {
        val key = KeystoreKey(context).key()

        assertEquals(32, key.size)
        assertArrayEquals(key, KeystoreKey(context).key())
        val file = File(context.noBackupFilesDir, "fieldsync.key").readBytes()
        assertFalse(file.asList().windowed(8).any { it == key.take(8) })
    }

    @Test
    fun `a key from another phone's keystore is lost and not another key`() {
        KeystoreKey(context).key()
        FakeKeystore.keys.clear()

        assertThrows(KeyStoreException.Lost::class.java) { KeystoreKey(context).key() }

        KeystoreKey(context, "another").key()
        FakeKeystore.keys["com.fieldsync.store.fieldsync"] = FakeKeystore.keys.getValue("com.fieldsync.store.another")
        assertThrows(KeyStoreException.Lost::class.java) { KeystoreKey(context).key() }
    }

    @Test
    fun `an erased key comes back as a new one, and only that one`() {
        val key = KeystoreKey(context).key()
        val other = KeystoreKey(context, "another").key()

        KeystoreKey(context).erase()
        KeystoreKey(context).erase()

        assertFalse(key.contentEquals(KeystoreKey(context).key()))
        assertArrayEquals(other, KeystoreKey(context, "another").key())
    }

    @Test
    fun `a library that cannot encrypt refuses the key instead of ignoring it`() {
        val refused =
            assertThrows(FieldsyncException.NotNow::class.java) {
                Device.open(context.fieldsyncOptions(), key = KeystoreKey(context))
            }

        assertEquals("cannot_encrypt", (refused as FieldsyncException).code)
    }

    @Test
    fun `changes arrive on the main looper`() {
        Office().use { office ->
            open().use { device ->
                runBlocking { device.enrol(office.url, office.code(office.technician("Anna Berg")), "phone") }
                val heard = ArrayList<Pair<Set<UUID>, Boolean>>()
                val screen = CoroutineScope(Dispatchers.Main)
                screen.launch { device.changes().collect { heard += it to (Looper.myLooper() == Looper.getMainLooper()) } }
                shadowOf(Looper.getMainLooper()).idle()

                val order = device.openOrder(siteOrder()).order

                until { heard.any { order in it.first } }
                assertTrue(heard.all { it.second })
                screen.cancel()
            }
        }
    }

    @Test
    fun `what an app forgets to close is freed`() {
        val forgotten = WeakReference(forget())

        until {
            System.gc()
            forgotten.get() == null
        }
        // Its folder can be opened again once the engine let go of it.
        until { runCatching { open().close() }.isSuccess }
    }

    private fun forget(): Device = open()

    /** Lets the main looper work until [isSo]. */
    private fun until(isSo: () -> Boolean) {
        val end = System.nanoTime() + 120_000_000_000
        while (!isSo()) {
            check(System.nanoTime() < end) { "it never came to that" }
            shadowOf(Looper.getMainLooper()).idle()
            Thread.onSpinWait()
        }
    }
}

/** The device of this app, as an app would open it. */
fun openDevice(context: Context): Device = Device.open(context.fieldsyncOptions())

/** An order made on site. */
fun siteOrder() = NewOrder(customer = KnownOrNew.NewCustomer(NewCustomer(name = "Quarry North")), problem = "does not start")
