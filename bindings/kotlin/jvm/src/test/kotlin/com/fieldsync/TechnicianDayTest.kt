package com.fieldsync

import com.fieldsync.core.Activity
import com.fieldsync.core.Attribution
import com.fieldsync.core.Charge
import com.fieldsync.core.Device
import com.fieldsync.core.DocumentKind
import com.fieldsync.core.FieldsyncException
import com.fieldsync.core.JobFilter
import com.fieldsync.core.JobStatus
import com.fieldsync.core.Outcome
import com.fieldsync.core.PartEntry
import com.fieldsync.core.ReportEntry
import com.fieldsync.core.Stroke
import com.fieldsync.core.StrokePoint
import com.fieldsync.core.TimeEntry
import com.fieldsync.core.dayContaining
import kotlinx.coroutines.flow.toList
import kotlinx.coroutines.runBlocking
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertFalse
import org.junit.jupiter.api.Assertions.assertNotNull
import org.junit.jupiter.api.Assertions.assertNull
import org.junit.jupiter.api.Assertions.assertThrows
import org.junit.jupiter.api.Assertions.assertTrue
import org.junit.jupiter.api.Test
import java.util.UUID

/** A technician's day against a real office, from the first job to the one that is taken away. */
class TechnicianDayTest {
    @Test
    fun `a day holds together from the first job to the signature, the conflict and the reassignment`() =
        runBlocking<Unit> {
            Office().use { office ->
                val anna = office.technician("Anna Berg")
                val ben = office.technician("Ben Ode")
                val order = office.order("Bucket cylinder leaks", anna)
                Phone.enrol(office, anna).use { phone ->
                    theJobIsThere(phone.device, order)
                    sheWorksOffline(phone.device, order)
                    assertFalse(office.get("/jobs/$order").contains("seal worn"), "nothing has been sent yet")

                    val receipt = phone.syncWhole()

                    assertTrue(receipt.sent > 5u && receipt.accepted == receipt.sent, receipt.text)
                    assertEquals(1u, receipt.photosSent)
                    assertTrue(phone.device.status().isDrained)
                    assertTrue(office.get("/jobs/$order").contains("seal worn"))
                    // The office's counter-signature comes back with the next sync.
                    phone.syncWhole()
                    theSignatureHolds(phone.device, order, isCountersigned = true)
                    Phone.enrol(office, anna).use { tablet -> twoDevicesDisagree(phone, tablet, order) }
                    Phone.enrol(office, ben).use { his -> theJobIsTakenAway(office, phone, his, order, ben) }
                }
                office.cli("verify")
            }
        }

    private fun theJobIsThere(
        device: Device,
        order: UUID,
    ) {
        val list = device.jobs(JobFilter(mineOnly = true))
        val job = list.items.single()
        assertEquals(order, job.id)
        assertEquals(JobStatus.DISPATCHED, job.status)
        assertNull(list.next)
        assertEquals("Quarry North", device.job(order).customer!!.name)
        assertTrue(device.dayPlan(dayContaining(System.currentTimeMillis(), 60)).planned.isEmpty())
        assertEquals(
            order,
            device
                .search("bucket cyl", 5u)
                .jobs
                .single()
                .job.id,
        )
    }

    private fun sheWorksOffline(
        device: Device,
        order: UUID,
    ) {
        device.setOut(order)
        device.startVisit(order)
        device.pauseVisit(order)
        device.resumeVisit(order)
        val tooEarly = assertThrows(FieldsyncException.NotNow::class.java) { device.finishVisit(order) }
        assertEquals("missing_report", (tooEarly as FieldsyncException).code)
        val found = ReportEntry(faultLocation = "boom cylinder", cause = "seal worn", attribution = Attribution.WEAR)
        device.writeReport(order, found)
        device.writeReport(order, ReportEntry(method = "seal kit replaced", outcome = Outcome.SOLVED))
        val part = PartEntry("SK-40", "Seal kit 40 mm", 1_500, "pc", charge = Charge.PAID, priceMinor = 2_333, currency = "EUR")
        device.usePart(order, part)
        val now = System.currentTimeMillis()
        device.addTime(order, TimeEntry(Activity.WORK, now - 5_700_000, now))
        device.addNote(order, "gate code 4711")
        device.addPhoto(order, "image/png", byteArrayOf(1, 2, 3), "before")
        device.finishVisit(order)
        assertEquals(JobStatus.WORK_DONE, device.job(order).status)

        val document = device.freezeDocument(order, DocumentKind.WORK_DONE, "en", "I confirm the work above.")
        assertEquals(mapOf("EUR" to 3_500L), document.voucher.totals)
        assertEquals(document.hash, sha256(document.voucher.json.toByteArray()))
        device.sign(document.id, drawn(), "Li Wei", "site manager")

        assertEquals(JobStatus.SUBMITTED, device.job(order).status)
        assertTrue(device.job(order).missing.isEmpty())
        theSignatureHolds(device, order, isCountersigned = false)
        assertTrue(device.pending().size > 5 && device.status().pending.toInt() == device.pending().size)
    }

    /** The engine's word, and the same checked with the JDK alone. */
    private fun theSignatureHolds(
        device: Device,
        order: UUID,
        isCountersigned: Boolean,
    ) {
        val state = device.verify(order).single()
        assertTrue(state.isVerified, state.problem)
        assertEquals("Li Wei", state.signer)
        assertTrue(state.differences.isEmpty())
        assertEquals(isCountersigned, state.countersignedMs != null)
        val evidence = device.evidence(order).single()
        val counter = evidence.countersignature?.let { evidence.countersignedMs!! to HEX.formatHex(it) }
        val (root, signature) = HEX.formatHex(evidence.root) to HEX.formatHex(evidence.deviceSignature)
        assertNull(brokenLink(evidence.document, evidence.statement, evidence.strokes, signature, root, counter))
        assertEquals(2, (Cbor(evidence.strokes).read() as List<*>).size)
    }

    private suspend fun twoDevicesDisagree(
        phone: Phone,
        tablet: Phone,
        order: UUID,
    ) {
        phone.device.writeReport(order, ReportEntry(hazards = "guard missing"))
        tablet.device.writeReport(order, ReportEntry(hazards = "oil on the ladder"))
        phone.syncWhole()
        val receipt = tablet.syncWhole()
        assertEquals("hazards", receipt.needsPerson.single().group)

        val conflict = tablet.device.conflicts().single()
        val said = conflict.values.map { value -> value.fields.single { it.name == "remaining" }.text }.toSet()
        assertEquals(setOf("guard missing", "oil on the ladder"), said)
        val kept = conflict.values.single { value -> value.fields.any { it.text == "oil on the ladder" } }
        tablet.device.resolveKeep(conflict.record, conflict.group, kept.key, conflict.seen)
        tablet.syncWhole()
        phone.syncWhole()

        for (device in listOf(phone.device, tablet.device)) {
            assertTrue(device.conflicts().isEmpty())
            assertEquals(
                "oil on the ladder",
                device
                    .job(order)
                    .reports
                    .single()
                    .hazards,
            )
            val differs = device.verify(order).single()
            assertTrue(differs.isVerified && differs.differences.isNotEmpty(), "the job now says more than was signed")
        }
    }

    private suspend fun theJobIsTakenAway(
        office: Office,
        phone: Phone,
        his: Phone,
        order: UUID,
        ben: UUID,
    ) {
        phone.device.addNote(order, "the key hangs in the hut")
        office.dispatch(order, ben)
        assertEquals(1u, phone.device.status().pending)

        val updates = phone.device.syncing().toList()
        phone.syncWhole()
        his.syncWhole()

        assertTrue(updates.last() is SyncUpdate.Finished && updates.dropLast(1).all { it is SyncUpdate.Progress })
        assertEquals(0u, phone.device.status().pending)
        val gone = assertThrows(FieldsyncException.NotNow::class.java) { phone.device.job(order) }
        assertEquals("not_found", (gone as FieldsyncException).code)
        val page = his.device.job(order)
        assertTrue(page.signatures.single().isVerified)
        assertTrue(page.assignments.any { ben in it.technicians && it.isLive })
        // Her late note was judged by what she could know: it arrived, or waits at the office for a person.
        val arrived = page.notes.any { it.text == "the key hangs in the hut" }
        assertTrue(arrived || office.get("/held").contains("the key hangs in the hut"))
        assertNotNull(
            his.device
                .job(order)
                .photos
                .single()
                .hash,
        )
    }

    @Test
    fun `a photo comes to the second device when it is asked for`() =
        runBlocking<Unit> {
            Office().use { office ->
                val anna = office.technician("Anna Berg")
                val order = office.order("Engine overheats", anna)
                val content = ByteArray(700_000) { (it * 31).toByte() }
                Phone.enrol(office, anna).use { phone ->
                    phone.device.addPhoto(order, "image/jpeg", content, null)
                    phone.syncWhole()
                }
                Phone.enrol(office, anna).use { tablet ->
                    val photo =
                        tablet.device
                            .job(order)
                            .photos
                            .single()
                    assertNull(tablet.device.photoFile(photo.id))

                    val file = tablet.device.fetchPhoto(photo.id)

                    assertEquals(sha256(content), sha256(java.io.File(file.path).readBytes()))
                    assertEquals(photo.hash, sha256(content))
                    assertEquals(file, tablet.device.photoFile(photo.id))
                }
            }
        }

    @Test
    fun `text of every kind comes back as it was entered`() =
        runBlocking<Unit> {
            Office().use { office ->
                val anna = office.technician("Anna 白")
                val order = office.order("液压泵漏油", anna, customer = "北方矿业", site = "二号矿", asset = "挖掘机 D 🚜")
                val texts = listOf("更换密封件 🔧👷🏽‍♀️", "x".repeat(40), "O'Brien \"quoted\" \\ \n tab\t", "é ≠ e\u0301", "أهلا")
                Phone.enrol(office, anna).use { phone ->
                    texts.forEach { phone.device.addNote(order, it) }
                    val empty = assertThrows(FieldsyncException.FixEntry::class.java) { phone.device.addNote(order, "") }
                    assertEquals("text", (empty as FieldsyncException.FixEntry).field)
                    phone.device.writeReport(order, ReportEntry(cause = "密封圈磨损", hazards = ""))
                    phone.syncWhole()
                }
                Phone.enrol(office, anna).use { tablet ->
                    val page = tablet.device.job(order)
                    assertEquals(texts.toSet(), page.notes.map { it.text }.toSet())
                    assertEquals("挖掘机 D 🚜", page.asset!!.name)
                    assertEquals("密封圈磨损", page.reports.single().cause)
                    assertNull(page.reports.single().hazards)
                    for (words in listOf("液压", "密封件", "北方")) {
                        assertEquals(
                            order,
                            tablet.device
                                .search(words, 5u)
                                .jobs
                                .single()
                                .job.id,
                            words,
                        )
                    }
                    assertTrue(
                        tablet.device
                            .search("", 5u)
                            .jobs
                            .isEmpty(),
                    )
                }
            }
        }
}

/** Two strokes, as a finger would draw them. */
fun drawn(): List<Stroke> {
    val first = (0..20).map { StrokePoint(100 + it * 20, 200 - it * 5, it * 16, 400 + it * 10) }
    val second = (0..10).map { StrokePoint(200 + it * 30, 150 + it, 500 + it * 16, 500) }
    return listOf(Stroke(first), Stroke(second))
}
