package com.fieldsync

import java.io.IOException
import java.net.InetAddress
import java.net.ServerSocket
import java.net.Socket
import java.util.concurrent.CountDownLatch
import java.util.concurrent.LinkedBlockingQueue
import java.util.concurrent.Semaphore
import java.util.concurrent.TimeUnit
import java.util.concurrent.atomic.AtomicInteger
import java.util.concurrent.atomic.AtomicLong
import kotlin.concurrent.thread

/**
 * A wire between a device and the office that a test can look at and cut.
 *
 * What goes to the office is passed on and counted; what comes back is held while [holdAnswers] says so.
 */
class Proxy(
    private val officePort: Int,
) : AutoCloseable {
    private val listener = ServerSocket(0, 50, InetAddress.getLoopbackAddress())
    private val sockets = LinkedBlockingQueue<Socket>()
    private val requests = AtomicInteger()
    private val lastByteNs = AtomicLong(System.nanoTime())

    @Volatile private var gate: Semaphore? = null

    @Volatile private var answered = CountDownLatch(0)

    val url = "http://127.0.0.1:${listener.localPort}"

    /** Requests the office has been sent so far. */
    val requestCount: Int get() = requests.get()

    /** When a device last sent anything, on [System.nanoTime]. */
    val lastSentNs: Long get() = lastByteNs.get()

    init {
        thread(isDaemon = true, name = "proxy") {
            try {
                while (true) connect(listener.accept())
            } catch (_: IOException) {
                // Closed: the test is over.
            }
        }
    }

    /** From now on no answer reaches the device, until [passAnswers]. */
    fun holdAnswers() {
        answered = CountDownLatch(1)
        gate = Semaphore(0)
    }

    /** Waits until the office has answered a request whose answer is held. */
    fun awaitHeldAnswer() = check(answered.await(120, TimeUnit.SECONDS)) { "the office did not answer" }

    /** Lets the answers through that are held, and all later ones. */
    fun passAnswers() {
        val held = gate
        gate = null
        held?.release(Int.MAX_VALUE / 2)
    }

    private fun connect(device: Socket) {
        val office = Socket(InetAddress.getLoopbackAddress(), officePort)
        sockets += listOf(device, office)
        pump(device, office) { bytes, length ->
            lastByteNs.set(System.nanoTime())
            requests.addAndGet(HEAD.findAll(String(bytes, 0, length, Charsets.ISO_8859_1)).count())
        }
        pump(office, device) { _, _ ->
            gate?.let {
                answered.countDown()
                it.acquire()
            }
        }
    }

    private fun pump(
        from: Socket,
        to: Socket,
        look: (ByteArray, Int) -> Unit,
    ) = thread(isDaemon = true, name = "proxy") {
        try {
            val bytes = ByteArray(64 * 1024)
            while (true) {
                val length = from.getInputStream().read(bytes)
                if (length < 0) break
                look(bytes, length)
                to.getOutputStream().write(bytes, 0, length)
            }
        } catch (_: IOException) {
            // One side hung up.
        }
        from.close()
        to.close()
    }

    override fun close() {
        listener.close()
        sockets.forEach(Socket::close)
        passAnswers()
    }

    private companion object {
        val HEAD = Regex("(GET|PUT|POST|HEAD) /sync/")
    }
}
