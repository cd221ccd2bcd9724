"""A technician's day through the generated Python module against a real server process.

    python3 bindings/smoke/smoke.py BUILT

BUILT holds the generated `fieldsync.py`, the library beside it and `fieldsync-server`; `./check bindings` puts them there.
Nothing but Python's own library is needed.
"""

import asyncio
import hashlib
import json
import random
import sys
import tempfile
import threading
import unittest
from pathlib import Path

BUILT = Path(sys.argv.pop(1))
sys.path.insert(0, str(BUILT))

import fieldsync as fs  # noqa: E402
from office import Office  # noqa: E402
from wire import Wire  # noqa: E402

DAY_MS = 86_400_000
STROKES = [fs.Stroke(points=[fs.StrokePoint(x=100 + 9 * i, y=200 - i, time_ms=16 * i, pressure=500) for i in range(40)])]


def run(future):
    return asyncio.run(future)


class Smoke(unittest.TestCase):
    def setUp(self):
        scratch = tempfile.TemporaryDirectory(prefix="fieldsync-phone")
        self.addCleanup(scratch.cleanup)
        self.scratch = Path(scratch.name)
        self.office = Office(BUILT / "fieldsync-server")
        self.addCleanup(self.office.__exit__)

    def phone(self, technician=None, name="phone"):
        device = fs.Device.open(fs.OpenOptions(dir=str(self.scratch / name)))
        self.addCleanup(device.shutdown)
        if technician is not None and device.identity() is None:
            run(device.enrol_link(self.office.link(technician), name))
        return device

    def sync(self, device):
        receipt = run(device.sync())
        self.assertTrue(receipt.ended.is_COMPLETE(), receipt.text)
        self.assertTrue(receipt.agrees)
        return receipt

    def test_a_technicians_day_offline_signed_and_synced(self):
        anna = self.office.technician("Anna Berg 安娜 🔧")
        order = self.office.order("液压缸泄漏 🛠 cylinder leaks", anna, customer="采石场 Nord")
        phone = self.phone(anna)
        self.sync(phone)

        listed = phone.jobs(fs.JobFilter(mine_only=True, text="cylinder"))
        self.assertEqual([job.id for job in listed.items], [order])
        self.assertEqual(phone.search("液压", 10).jobs[0].job.id, order)
        page = phone.job(order)
        self.assertEqual((page.customer.name, page.instructions), ("采石场 Nord", "mind the slope"))
        self.assertEqual(page.status, fs.JobStatus.DISPATCHED)

        heard = threading.Event()

        class Observer(fs.ChangeObserver):
            def changed(self, records):
                heard.set()
                raise RuntimeError("the app's own defect")

        subscription = phone.watch([order], Observer())
        phone.set_out(order)
        phone.start_visit(order)
        self.assertTrue(heard.wait(10))
        phone.pause_visit(order)
        phone.resume_visit(order)
        report = fs.ReportEntry(
            fault_location="left boom", cause="seal worn", attribution=fs.Attribution.WEAR, method="seal replaced",
            parameters=[fs.ParameterChange(name="P42", old_value="180 bar", new_value="175 bar")], hazards="none",
        )
        phone.write_report(order, report)
        with self.assertRaises(fs.FieldsyncError.NotNow) as refused:
            phone.finish_visit(order)
        self.assertEqual(refused.exception.code, "missing_report")
        phone.write_report(order, fs.ReportEntry(outcome=fs.Outcome.SOLVED, outcome_text="x" * 40))
        seal = fs.PartEntry(number="S-17", name="Seal kit", quantity_milli=1_500, unit="pc", price_minor=4_200, currency="EUR")
        phone.use_part(order, seal)
        wrong = phone.use_part(order, seal)
        phone.void_record(wrong, "counted twice")
        now = page.assignments[0].planned_from_ms or 1_772_439_300_000
        phone.add_time(order, fs.TimeEntry(activity=fs.Activity.WORK, from_ms=now, to_ms=now + 3_600_000))
        phone.add_note(order, "gate code 4711")
        photo = phone.add_photo(order, "image/jpeg", b"\xff\xd8 a photo" * 1_000, "the seal", b"\xff\xd8 small")
        self.assertEqual(phone.thumbnail(photo), b"\xff\xd8 small")
        phone.finish_visit(order)

        frozen = phone.freeze_document(order, fs.DocumentKind.WORK_DONE, "en", "I confirm the work.")
        self.assertEqual(hashlib.sha256(frozen.voucher.json.encode()).hexdigest(), frozen.hash)
        self.assertEqual(frozen.voucher.totals, {"EUR": 6_300})
        phone.sign(frozen.id, STROKES, "Maria Keller", "customer")
        page = phone.job(order)
        self.assertEqual((page.status, page.missing), (fs.JobStatus.SUBMITTED, []))
        self.assertEqual((page.photos[0].upload, page.photos[0].is_here), (fs.UploadState.WAITING, True))
        self.assertGreater(len(phone.pending()), 8)
        self.assertFalse(phone.status().is_drained)

        told = []

        class Progress(fs.SyncObserver):
            def progress(self, progress):
                told.append(progress)
                raise RuntimeError("the app's own defect")

        receipt = run(phone.sync(observer=Progress()))
        self.assertTrue(receipt.ended.is_COMPLETE(), receipt.text)
        self.assertEqual(receipt.photos_sent, 1)
        self.assertTrue(told)
        self.sync(phone)
        page = phone.job(order)
        signature = page.signatures[0]
        self.assertTrue(signature.is_verified, signature.problem)
        self.assertIsNotNone(signature.countersigned_ms)
        self.assertEqual((signature.signer, signature.differences, signature.strokes), ("Maria Keller", [], STROKES))
        self.assertEqual(page.photos[0].upload, fs.UploadState.DONE)
        self.assertTrue(phone.status().is_drained)
        evidence = phone.evidence(order)[0]
        self.assertEqual(json.loads(evidence.statement)["document"], hashlib.sha256(evidence.document).hexdigest())

        phone.write_report(order, fs.ReportEntry(cause="seal worn, rod scored"))
        self.assertEqual([difference.now for difference in phone.verify(order)[0].differences], ["seal worn, rod scored"])
        history = phone.asset_history(page.asset.id, 10)
        self.assertEqual(history.items[0].parts[0].number, "S-17")
        self.assertEqual(phone.explain(order).presence, fs.Presence.HERE)
        opened = phone.open_order(fs.NewOrder(
            customer=fs.KnownOrNew.NEW_CUSTOMER(fs.NewCustomer(name="Walk-in Ltd")), problem="hose burst",
            asset=fs.KnownOrNew.NEW_ASSET(fs.NewAsset(name="Loader", serial="")),
        ))
        self.assertTrue(opened.number.startswith("P-"))
        with self.assertRaises(fs.FieldsyncError.FixEntry):
            run(phone.take_bundle(str(Path(__file__))))
        made = run(phone.export_bundle(str(self.scratch / "work.bundle")))
        self.assertGreater(made.edits, 3)
        colleague = self.phone(self.office.technician("Bert Holm"), "colleague")
        self.sync(colleague)
        run(colleague.take_bundle(made.path))
        self.assertEqual(self.sync(colleague).bundles_sent, 1)
        self.assertEqual(colleague.bundles(), [])
        self.sync(phone)
        self.assertTrue(phone.status().is_drained)
        subscription.end()

    def test_a_conflict_is_decided_and_a_job_that_was_taken_away_is_held(self):
        anna, bert = self.office.technician("Anna Berg"), self.office.technician("Bert Holm")
        order = self.office.order("pump leaks", anna)
        phone, tablet = self.phone(anna, "phone"), self.phone(anna, "tablet")
        self.sync(phone)
        phone.write_report(order, fs.ReportEntry(cause="unknown so far"))
        self.sync(phone)
        self.sync(tablet)
        phone.write_report(order, fs.ReportEntry(cause="hose brittle"))
        tablet.write_report(order, fs.ReportEntry(cause="seal worn"))
        self.sync(phone)
        receipt = self.sync(tablet)
        self.assertEqual([need.group for need in receipt.needs_person], ["finding"])

        conflict = tablet.conflicts()[0]
        self.assertFalse(conflict.is_offices)
        said = {field.text: value.key for value in conflict.values for field in value.fields}
        self.assertEqual(sorted(said), ["hose brittle", "seal worn"])
        landing = tablet.resolve_keep(conflict.record, conflict.group, said["hose brittle"], conflict.seen)
        self.assertTrue(landing.is_PENDING())
        self.assertEqual(tablet.conflicts(), [])
        self.sync(tablet)
        self.sync(phone)
        self.assertEqual(phone.job(order).reports[0].cause, "hose brittle")

        self.office.dispatch(order, bert)
        phone.add_note(order, "written before the phone knew")
        receipt = run(phone.sync())
        self.assertEqual([entry.code for entry in receipt.held + receipt.refused] or ["accepted"], ["accepted"])
        self.sync(tablet)
        other = self.phone(bert, "bert")
        self.sync(other)
        self.assertIn("written before the phone knew", [note.text for note in other.job(order).notes])
        with self.assertRaises(fs.FieldsyncError.NotNow):
            self.sync(phone)
            phone.job(order)

    def test_what_was_only_in_a_damaged_store_reaches_the_office(self):
        anna = self.office.technician("Anna Berg")
        order = self.office.order("pump leaks", anna)
        phone = self.phone(anna)
        self.sync(phone)
        phone.add_note(order, "only here, 只在這裡")
        phone.add_photo(order, "image/jpeg", b"\xff\xd8 a photo" * 1_000)
        phone.shutdown()
        file = self.scratch / "phone" / "fieldsync.db"
        file.write_bytes(b"\x07" * 64 + file.read_bytes()[64:])

        with self.assertRaises(fs.FieldsyncError.StorageDamaged) as damaged:
            self.phone()
        self.assertTrue(Path(damaged.exception.kept_at).is_file())
        new = fs.Device.open(fs.OpenOptions(dir=str(self.scratch / "phone"), start_over=True))
        self.addCleanup(new.shutdown)
        kept = new.set_aside()
        self.assertEqual(kept[0].unsent, fs.Unsent(pending=2, refused=0, photos=1))
        with self.assertRaises(fs.FieldsyncError.SignIn):
            run(new.salvage(kept[0].path))
        run(new.enrol_link(self.office.link(anna), "phone"))
        found = run(new.salvage(kept[0].path))
        self.assertEqual((found.pending, found.photos, found.is_whole), (2, 1, True))
        self.assertEqual(new.set_aside(), [])
        with self.assertRaises(fs.FieldsyncError.NotNow):
            run(new.salvage(kept[0].path))
        self.sync(new)
        self.sync(new)
        self.assertTrue(new.status().is_drained)
        tablet = self.phone(anna, "tablet")
        self.sync(tablet)
        page = tablet.job(order)
        self.assertEqual([note.text for note in page.notes], ["only here, 只在這裡"])
        self.assertEqual(len(page.photos), 1)

    def test_a_device_that_the_office_wipes_hands_over_what_only_it_has_and_keeps_nothing(self):
        anna = self.office.technician("Anna Berg")
        order = self.office.order("pump leaks", anna)
        phone = self.phone(anna)
        self.sync(phone)
        phone.add_note(order, "only here")
        self.office.cli("device", "wipe", str(phone.identity().device))

        self.assertTrue(run(phone.sync()).ended.is_WIPED())
        for call in (phone.status, lambda: run(phone.sync())):
            with self.assertRaises(fs.FieldsyncError.SignIn) as gone:
                call()
            self.assertEqual(gone.exception.code, "wiped")
        phone.shutdown()
        self.assertFalse((self.scratch / "phone" / "fieldsync.db").exists())
        with self.assertRaises(fs.FieldsyncError.SignIn):
            self.phone()
        self.assertIn("wiped", self.office.cli("device", "list"))
        self.assertIn("only here", self.office.page("/held"))
        new = fs.Device.open(fs.OpenOptions(dir=str(self.scratch / "phone"), start_over=True))
        self.assertEqual((new.identity(), new.status().records), (None, 0))
        new.shutdown()

    def test_a_store_that_an_earlier_release_wrote_is_read(self):
        kept = Path(__file__).parents[2] / "tests/golden/stores/device-v2.sqlite"
        (self.scratch / "phone").mkdir()
        (self.scratch / "phone" / "fieldsync.db").write_bytes(kept.read_bytes())
        phone = self.phone()
        status = phone.status()
        self.assertEqual((status.pending, status.refused, status.photos), (17, 1, 1))
        jobs = phone.jobs(fs.JobFilter()).items
        self.assertEqual(len(jobs), 3)
        open_job = next(job for job in jobs if job.problem == "tooth lost")
        self.assertEqual(open_job.status, fs.JobStatus.IN_PROGRESS)
        self.assertEqual([note.text for note in phone.job(open_job.id).notes], ["閘門密碼 4711"])

    def test_what_does_not_get_through_is_named_with_what_helps(self):
        anna = self.office.technician("Anna Berg")
        order = self.office.order("pump leaks", anna)
        wire = Wire(self.office.url)
        self.addCleanup(wire.close)
        phone = self.phone()
        run(phone.enrol(wire.url, self.office.cli("enrol", str(anna), "--code-only"), "phone"))
        self.sync(phone)

        wire.too_large = 4_000
        long = phone.add_note(order, random.Random(7).randbytes(3_900).hex())
        phone.add_note(order, "short")
        receipt = run(phone.sync())
        self.assertTrue(receipt.ended.is_COMPLETE(), receipt.text)
        self.assertEqual((receipt.accepted, receipt.still_here, receipt.undecided), (1, 1, []))
        stuck = phone.stuck()
        self.assertEqual((receipt.stuck, phone.status().stuck), (stuck, 1))
        self.assertEqual((stuck[0].record, stuck[0].kind, stuck[0].entries), (long, "note", 1))
        self.assertEqual(stuck[0].code, "too_large_on_the_way")
        self.assertIn("of this size", stuck[0].reason)
        self.assertIn("another network", stuck[0].remedy)
        self.assertGreater(stuck[0].since_ms, 1_700_000_000_000)
        wire.too_large = None
        self.sync(phone)
        self.assertEqual((phone.stuck(), phone.status().is_drained), ([], True))

        wire.swallows = True
        note = phone.add_note(order, "sent, and nobody knows")
        receipt = run(phone.sync())
        self.assertTrue(receipt.ended.is_OFFLINE(), receipt.text)
        self.assertEqual([(entry.record, entry.kind) for entry in receipt.undecided], [(note, "note")])
        wire.swallows = False
        receipt = self.sync(phone)
        self.assertEqual((receipt.undecided, receipt.still_here, receipt.started_over), ([], 0, False))

    def test_what_goes_wrong_is_typed_and_the_process_lives(self):
        phone = self.phone()
        with self.assertRaises(fs.FieldsyncError.SignIn):
            run(phone.sync())
        with self.assertRaises(fs.FieldsyncError.FixEntry) as wrong:
            run(phone.enrol(self.office.url, "AAAA-BBBB", "phone"))
        self.assertEqual(wrong.exception.code, "bad_code")
        with self.assertRaises(fs.FieldsyncError.TryLater):
            run(phone.enrol("http://127.0.0.1:9", "AAAA-BBBB", "phone"))
        stop = fs.CancelHandle()
        stop.cancel()
        with self.assertRaises(fs.FieldsyncError.Cancelled):
            run(phone.enrol(self.office.url, "AAAA-BBBB", "phone", stop))
        for panics in (phone.panic_for_test, lambda: run(phone.panic_for_test_async())):
            with self.assertRaises(fs.FieldsyncError.Defect) as defect:
                panics()
            self.assertEqual(defect.exception.code, "panic")
        phone.shutdown()
        with self.assertRaises(fs.FieldsyncError.Reopen):
            phone.status()

    def test_two_hundred_observers_come_and_go_from_several_threads(self):
        anna = self.office.technician("Anna Berg")
        order = self.office.order("pump leaks", anna)
        phone = self.phone(anna)
        self.sync(phone)
        called, lock = [], threading.Lock()

        class Observer(fs.ChangeObserver):
            def changed(self, records):
                with lock:
                    called.append(records)

        places = []

        def subscribe():
            for _ in range(25):
                place = phone.watch([], Observer())
                with lock:
                    places.append(place)

        threads = [threading.Thread(target=subscribe) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        phone.add_note(order, "one change")
        finished = threading.Event()

        class Last(fs.ChangeObserver):
            def changed(self, records):
                finished.set()

        last = phone.watch([], Last())
        phone.add_note(order, "another")
        self.assertTrue(finished.wait(30))
        self.assertGreaterEqual(len(called), 200)
        for place in places:
            place.end()
        last.end()


if __name__ == "__main__":
    unittest.main(verbosity=1)
