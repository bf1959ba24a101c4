"""Two laboratories put their halves of a data set together: each sends its own, and both end with the same.

In the middle somebody begins to intercept a fibre; both ends notice, keys go another way, and the set is whole.
Run it: ``python notebooks/programs/laboratories.py``
"""

import hashlib
import io
import tempfile
from pathlib import Path

import numpy as np

from quantumlink.keys.protection import Recipient, open_sealed, protect_sealed
from quantumlink.keys.service.background import running_demonstration

NETWORK = Path(__file__).parents[1] / "networks" / "laboratories.toml"
PARTS, VALUES = 6, 50_000


def measured(laboratory, part):
    """A part of the data of a laboratory."""
    rng = np.random.default_rng([len(laboratory), part])
    return rng.normal(part, 1.0, VALUES).tobytes()


def send(data, sender, receiver, names, recipient, folder):
    """A part, as it arrives at the other laboratory."""
    sealed, target = io.BytesIO(), folder / "part"
    protect_sealed(
        io.BytesIO(data), sealed, master=names[0], slave=names[1], recipient=recipient.public,
        new_key=lambda: sender.new_keys(names[1], size=256)[0], rekey_bytes=1 << 18, segment_bytes=1 << 16,
    )  # fmt: skip
    sealed.seek(0)
    open_sealed(
        sealed, target, recipient=recipient, slave=names[1],
        key_of=lambda master, key: receiver.keys_with_ids(master, [key])[0].secret,
    )  # fmt: skip
    return target.read_bytes()


def digest(parts):
    """Of all parts, in the order of laboratory and number: equal sets, and only they, have equal ones."""
    found = hashlib.sha256()
    for name in sorted(parts):
        found.update(hashlib.sha256(parts[name]).digest())
    return found.hexdigest()


def main():
    recipients = {"delft": Recipient.create(), "leiden": Recipient.create()}
    sets = {name: {(name, part): measured(name, part) for part in range(PARTS)} for name in recipients}
    with (
        tempfile.TemporaryDirectory() as folder,
        running_demonstration(NETWORK) as demo,
        demo.client("delft") as delft,
        demo.client("leiden") as leiden,
    ):
        clients = {"delft": delft, "leiden": leiden}
        for part in range(PARTS):
            if part == PARTS // 2:
                demo.attack("delft", "hague")
                alarm, way = demo.wait_for("alarm"), demo.wait_for("rerouted")
            for here, there in (("delft", "leiden"), ("leiden", "delft")):
                sets[there][here, part] = send(
                    sets[here][here, part],
                    clients[here],
                    clients[there],
                    (here, there),
                    recipients[there],
                    Path(folder),
                )
        ledger = demo.audited()
    digests = {name: digest(parts) for name, parts in sets.items()}
    whole = {(name, part) for name in sets for part in range(PARTS)}
    lost = {name: whole - set(parts) for name, parts in sets.items()}
    print("\n".join(f"{name}: {len(sets[name])} parts, {found}" for name, found in digests.items()))
    print(f"alarm: {alarm}\nrerouted: {way}\nbooks of key: {ledger}")
    print(f"lost: {'nothing' if not any(lost.values()) else lost}")
    assert len(set(digests.values())) == 1, "the two data sets differ"
    assert not any(lost.values()), "parts are missing"


if __name__ == "__main__":
    main()
