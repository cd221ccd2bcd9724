package sample

import com.fieldsync.SyncUpdate
import com.fieldsync.changes
import com.fieldsync.code
import com.fieldsync.core.Charge
import com.fieldsync.core.Device
import com.fieldsync.core.DocumentKind
import com.fieldsync.core.FieldsyncException
import com.fieldsync.core.JobFilter
import com.fieldsync.core.JobPage
import com.fieldsync.core.OpenOptions
import com.fieldsync.core.Outcome
import com.fieldsync.core.PartEntry
import com.fieldsync.core.ReportEntry
import com.fieldsync.perform
import com.fieldsync.reason
import com.fieldsync.syncing
import kotlinx.coroutines.Dispatchers
import kotlinx.coroutines.flow.collect
import kotlinx.coroutines.launch
import kotlinx.coroutines.runBlocking

private const val HELP = """
enrol URL CODE            make this a technician's device, with a code from the office
day                       the list of jobs
job N                     one job; N is its place in the list or its number
start N                   arrive and begin
report N CAUSE            write down what it was, and that it is solved
part N NUMBER QUANTITY    record a part used
finish N                  say that the work is done
sign N NAME               freeze the document, show it, have it signed with the mouse and verify it
sync                      send and receive
help, quit"""

/** A technician's app in a terminal: `sample FOLDER`, commands on standard input, a window for the signature. */
fun main(arguments: Array<String>): Unit =
    runBlocking {
        val folder = arguments.firstOrNull() ?: "sample-store"
        Device.open(OpenOptions(dir = folder)).use { device ->
            // What a screen does: hear of every change while it is shown, whoever made it.
            val screen = launch { device.changes().collect { println("  (${it.size} records changed)") } }
            println("Commands:$HELP")
            while (true) {
                print("> ")
                val line = perform { readlnOrNull() } ?: break
                val words = line.trim().split(' ').filter(String::isNotEmpty)
                if (words.firstOrNull() == "quit") break
                try {
                    if (words.isNotEmpty()) App(device).command(words)
                } catch (error: FieldsyncException) {
                    // Every error says what to show; its code and its type say what to do.
                    println("${error.reason} [${error.code}]")
                }
            }
            screen.cancel()
        }
    }

/** Reads a line without keeping the screens waiting. */
private suspend fun <T> perform(read: () -> T): T = kotlinx.coroutines.withContext(Dispatchers.IO) { read() }

private class App(
    private val device: Device,
) {
    suspend fun command(words: List<String>) {
        val rest = words.drop(2).joinToString(" ")
        when (words[0]) {
            "enrol" -> {
                enrol(words)
            }

            "day" -> {
                device.perform { jobs(JobFilter(mineOnly = true)) }.items.forEachIndexed { n, job ->
                    val here = if (job.hasPending) " (not sent yet)" else ""
                    println("${n + 1}. ${job.number} ${job.status} ${job.customer}, ${job.asset}: ${job.problem}$here")
                }
            }

            "job" -> {
                show(job(words))
            }

            "start" -> {
                on(words) { setOut(it.id).also { _ -> startVisit(it.id) } }
            }

            "report" -> {
                on(words) { writeReport(it.id, ReportEntry(cause = rest, outcome = Outcome.SOLVED)) }
            }

            "part" -> {
                on(words) { usePart(it.id, part(words)) }
            }

            "finish" -> {
                on(words) { finishVisit(it.id) }
            }

            "sign" -> {
                sign(job(words), rest)
            }

            "sync" -> {
                sync()
            }

            else -> {
                println(HELP.trim())
            }
        }
    }

    private suspend fun enrol(words: List<String>) {
        if (words.size < 3) return println("enrol URL CODE")
        val identity = device.enrol(words[1], words[2], "sample")
        println("This is ${identity.personName}'s device.")
    }

    /** The job somebody means by its place in the list or its number. */
    private suspend fun job(words: List<String>): JobPage =
        device.perform {
            val jobs = jobs(JobFilter(mineOnly = true)).items
            val wanted = words.getOrNull(1).orEmpty()
            val found = wanted.toIntOrNull()?.let { jobs.getOrNull(it - 1) } ?: jobs.find { it.number == wanted }
            job(found?.id ?: java.util.UUID(0, 0))
        }

    private suspend fun on(
        words: List<String>,
        change: Device.(JobPage) -> Unit,
    ) {
        val job = job(words)
        device.perform { change(job) }
        println("Safe on this device: ${device.perform { status() }.pending} entries to send.")
    }

    private fun part(words: List<String>): PartEntry {
        val quantity = words.getOrNull(3)?.toBigDecimalOrNull() ?: 1.toBigDecimal()
        // Quantities are thousandths, money is in minor units: nothing is ever rounded.
        val thousandths = quantity.movePointRight(3).toLong()
        return PartEntry(words.getOrElse(2) { "" }, "part ${words.getOrNull(2)}", thousandths, "pc", charge = Charge.PAID)
    }

    private fun show(job: JobPage) {
        println("${job.number} ${job.status}: ${job.problem}")
        println("  for ${job.customer?.name}, ${job.site?.name}, ${job.asset?.name}")
        job.reports.forEach { println("  ${it.technicianName}: ${it.cause} ${it.outcome ?: ""}") }
        job.parts.forEach { println("  ${it.quantityMilli / 1000.0} ${it.unit} ${it.number}") }
        job.missing.forEach { println("  still needs: $it") }
        for (signature in job.signatures) {
            val word = if (signature.isVerified) "verified" else "NOT VERIFIED: ${signature.problem}"
            println("  signed by ${signature.signer}, $word")
            signature.differences.forEach { println("    since then ${it.place}: ${it.signed} -> ${it.now}") }
        }
        job.conflicts.forEach { println("  to decide: ${it.group}, ${it.values.size} values") }
    }

    private suspend fun sign(
        job: JobPage,
        signer: String,
    ) {
        val document =
            device.perform { freezeDocument(job.id, DocumentKind.WORK_DONE, "en", "I confirm the work above.") }
        // What the customer is shown is the document, not the job: it cannot change under the pen.
        println(document.voucher.json)
        val strokes = perform { capture(signer) }
        if (strokes.isEmpty()) return println("Nothing was signed.")
        device.perform { sign(document.id, strokes, signer, "customer") }
        show(device.perform { job(job.id) })
    }

    private suspend fun sync() =
        device.syncing().collect { update ->
            when (update) {
                is SyncUpdate.Progress -> println("  ${update.progress.sent} sent, ${update.progress.received} received")
                is SyncUpdate.Finished -> println(update.receipt.text)
            }
        }
}
