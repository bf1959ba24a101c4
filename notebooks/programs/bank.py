"""A branch sends its transactions to the clearing house: signed, sealed in order, under keys that change often.

In the middle somebody begins to intercept the pairs of a fibre. The link alarms, what may be suspect is held back,
keys come by another way, and every transaction arrives once. Run it: ``python notebooks/programs/bank.py``
"""

import json
from pathlib import Path

from cryptography.exceptions import InvalidSignature

from quantumlink.keys.hybrid import Identity, ModePolicy, Offer, Responder
from quantumlink.keys.protection import RecordOpener, RecordRefused, RecordSealer
from quantumlink.keys.service.background import running_demonstration

NETWORK = Path(__file__).parents[1] / "networks" / "bank.toml"
TRANSACTIONS, A_KEY_FOR = 400, 40
CONTEXT = b"transaction"


def signed(number, signer):
    text = json.dumps(
        {"number": number, "from": f"AT{number % 7}", "to": "DE1", "cents": 100 + 37 * number}
    ).encode()
    return signer.sign(text, CONTEXT) + text


def booked(record, key):
    """The transaction of a record; raises InvalidSignature if it is not as the branch signed it."""
    size = 3309  # of a signature of ML-DSA-65 (FIPS 204)
    key.verify(record[:size], record[size:], CONTEXT)
    return json.loads(record[size:])


def main():
    branch, house, policy = Identity.create("branch"), Identity.create("clearing"), ModePolicy()
    refused, books, keys = [], [], []
    with (
        running_demonstration(NETWORK) as demo,
        demo.client("branch") as sender,
        demo.client("clearing") as receiver,
    ):
        responder = Responder(
            house,
            policy,
            {"branch": branch.public},
            lambda master, key: receiver.keys_with_ids(master, [key])[0].secret,
        )
        for number in range(TRANSACTIONS):
            if number == TRANSACTIONS // 2:
                demo.attack("branch", "exchange")
                alarm, way = demo.wait_for("alarm"), demo.wait_for("rerouted")
            if number % A_KEY_FOR == 0:
                offer = Offer(branch, "clearing", policy, qkd=sender.new_keys("clearing")[0])
                answer, theirs = responder.answer(offer.message)
                seal = RecordSealer(offer.finish(answer, house.public), "branch", "clearing")
                opener = RecordOpener(theirs, "branch", "clearing")
                keys.append(theirs.key_id)
            if number == 10:  # a clerk changes the amount after it was signed
                forged = bytearray(signed(number, branch.signing))
                forged[-2] ^= 1
                try:
                    booked(opener.open(seal.seal(bytes(forged))), branch.public)
                except InvalidSignature:
                    refused.append("changed before it was sealed")
            message = seal.seal(signed(number, branch.signing))
            if number == 20:  # somebody changes it on the way
                try:
                    opener.open(message[:-1] + bytes([message[-1] ^ 1]))
                except RecordRefused:
                    refused.append("changed on the way")
            books.append(booked(opener.open(message), branch.public)["number"])
            if number == 30:  # it is sent again
                try:
                    opener.open(message)
                except RecordRefused:
                    refused.append("sent again")
        ledger = demo.audited()
    lost = set(range(TRANSACTIONS)) - set(books)
    print(f"{TRANSACTIONS} transactions sent, {len(books)} booked; refused: {', '.join(refused)}")
    print(f"{len(set(keys))} keys, each {policy.default}; alarms about less: {len(policy.alarms)}")
    print(f"alarm: {alarm}\nrerouted: {way}\nbooks of key: {ledger}")
    print(f"lost: {sorted(lost) or 'nothing'}")
    assert books == list(range(TRANSACTIONS)), "a transaction was lost, came twice or out of order"
    assert len(refused) == 3, "something that was changed was booked"
    assert not policy.alarms, "less was used than agreed"


if __name__ == "__main__":
    main()
