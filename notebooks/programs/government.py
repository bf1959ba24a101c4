"""A ministry and an embassy exchange messages under one-time pads, over trusted nodes that relay the keys.

As many bytes of key as there is text, and 32 for the tag: the store's books show it. In the middle somebody begins
to intercept the fibre to the first trusted node; keys are relayed by the other one from then on, and every message
arrives. Run it: ``python notebooks/programs/government.py``
"""

import os
from pathlib import Path

from quantumlink.keys.protection import ProtectedFileError, open_padded, protect_padded
from quantumlink.keys.service.background import running_demonstration

NETWORK = Path(__file__).parents[1] / "networks" / "government.toml"


def send(text, sender, receiver, names, spent):
    """A message under a one-time pad: what arrives."""
    here, there = names

    def new_keys(count, size):
        return sender.new_keys(there, count, size=8 * size)

    hidden, used = protect_padded(text, master=here, slave=there, new_keys=new_keys)
    spent.append(used)
    changed = hidden[:-1] + bytes([hidden[-1] ^ 1])
    first = []

    def keys_of(master, ids):  # the keys come once: what was changed is refused, and then the right one is opened
        first.extend(() if first else receiver.keys_with_ids(master, ids))
        return first

    try:
        open_padded(changed, keys_of=keys_of, slave=there)
        raise AssertionError("a changed message was opened")
    except ProtectedFileError:
        return open_padded(hidden, keys_of=keys_of, slave=there)


def main():
    sent, arrived, spent = [], [], []
    with (
        running_demonstration(NETWORK) as demo,
        demo.client("ministry") as ministry,
        demo.client("embassy") as embassy,
    ):
        ways = [next(iter(demo.demonstration.relays.paths.values()))]
        for number in range(8):
            if number == 4:
                demo.attack("ministry", ways[0][1].removeprefix("kme-"))
                alarm = demo.wait_for("alarm")
            text = f"Telegram {number}: ".encode() + os.urandom(4000)
            both = (ministry, embassy, ("ministry", "embassy")), (embassy, ministry, ("embassy", "ministry"))
            sent.append(text)
            arrived.append(send(text, *both[number % 2], spent))
        relayed = demo.wait_for("relay")
        ways += demo.demonstration.relays.paths.values()
        ledger = demo.audited()
    lost = [number for number, text in enumerate(sent) if text not in arrived]
    print(f"{len(sent)} messages, {sum(map(len, sent))} bytes; key used: {sum(spent)} bytes")
    print(f"alarm: {alarm}\nrelayed: {relayed}\nbooks of key: {ledger}")
    print(f"lost: {lost or 'nothing'}")
    assert sent == arrived, "a message was lost or changed"
    assert sum(spent) == sum(map(len, sent)) + 32 * len(sent), "more key was used than the pads need"
    assert ways[1] is not None, "no way is left"
    assert ways[0][1] != ways[1][1], "keys still go by the attacked link"


if __name__ == "__main__":
    main()
