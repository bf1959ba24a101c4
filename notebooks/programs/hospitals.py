"""A clinic sends a patient's record to the university hospital, and then his heartbeat, live.

The record is a sealed file for one recipient; the telemetry is a stream of small records under keys that change.
In the middle of the stream somebody begins to intercept a fibre; the stream goes on. Run it:
``python notebooks/programs/hospitals.py``
"""

import io
import json
import math
import tempfile
from pathlib import Path

from quantumlink.keys.hybrid import Identity, ModePolicy, Offer, Responder
from quantumlink.keys.protection import (
    ProtectedFileError,
    Recipient,
    RecordOpener,
    RecordSealer,
    open_sealed,
    protect_sealed,
)
from quantumlink.keys.service.background import running_demonstration

NETWORK = Path(__file__).parents[1] / "networks" / "hospitals.toml"
SAMPLES, A_KEY_FOR = 3000, 250
POLICY = ModePolicy(default="QKD required")


def send_record(record, clinic, university, folder):
    """The record of a patient, as it arrives; a copy that was cut is refused before any key is asked for."""
    doctor, sealed = Recipient.create(), io.BytesIO()
    protect_sealed(
        io.BytesIO(record), sealed, master="clinic", slave="university", recipient=doctor.public,
        new_key=lambda: clinic.new_keys("university", size=256)[0], rekey_bytes=1 << 16, segment_bytes=1 << 14,
    )  # fmt: skip
    told = {"recipient": doctor, "slave": "university"}
    told["key_of"] = lambda master, key: university.keys_with_ids(master, [key])[0].secret
    try:
        open_sealed(io.BytesIO(sealed.getvalue()[:-40]), folder / "cut", **told)
        raise AssertionError("a record that was cut was opened")
    except ProtectedFileError:
        open_sealed(io.BytesIO(sealed.getvalue()), folder / "record", **told)
    return (folder / "record").read_bytes()


def sample(number):
    return {"n": number, "mv": round(math.exp(-((number % 250 - 80) ** 2) / 50), 4)}


def main():
    clinic_id, university_id = Identity.create("clinic"), Identity.create("university")
    record = json.dumps({"patient": "P-1017", "pages": ["…" * 400 for _ in range(120)]}).encode()
    shown, keys, late = [], 0, 0
    with (
        tempfile.TemporaryDirectory() as folder,
        running_demonstration(NETWORK) as demo,
        demo.client("clinic") as clinic,
        demo.client("university") as university,
    ):
        arrived = send_record(record, clinic, university, Path(folder))
        responder = Responder(
            university_id, POLICY, {"clinic": clinic_id.public},
            lambda master, key: university.keys_with_ids(master, [key])[0].secret,
        )  # fmt: skip
        monitor = None
        for number in range(SAMPLES):
            if number == SAMPLES // 2:
                demo.attack("tower", "university")
                alarm, way = demo.wait_for("alarm"), demo.wait_for("rerouted")
            if monitor is None or monitor.is_due:
                offer = Offer(clinic_id, "university", POLICY, qkd=clinic.new_keys("university")[0])
                answer, theirs = responder.answer(offer.message)
                mine = offer.finish(answer, university_id.public)
                monitor = RecordSealer(mine, "clinic", "university", rekey_records=A_KEY_FOR)
                display = RecordOpener(theirs, "clinic", "university")
                keys, late = keys + 1, late + (number >= SAMPLES // 2)
            shown.append(json.loads(display.open(monitor.seal(json.dumps(sample(number)).encode()))))
        ledger = demo.audited()
    lost = [number for number in range(SAMPLES) if shown[number] != sample(number)]
    print(f"a record of {len(record)} bytes arrived: {'as it was' if arrived == record else 'changed'}")
    print(f"{SAMPLES} samples sent, {len(shown)} shown, under {keys} keys, {late} of them after the alarm")
    print(f"alarm: {alarm}\nrerouted: {way}\nbooks of key: {ledger}")
    print(f"lost: {lost or 'nothing'}")
    assert arrived == record, "the record is not as it was sent"
    assert not lost, "samples are missing, or not as they were"
    assert not POLICY.alarms, "less was used than agreed"


if __name__ == "__main__":
    main()
