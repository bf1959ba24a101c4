"""All parties in one process, talking as they would over lines: for study."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from quantumlink.distillation.channel import AUTHENTICATION_BITS
from quantumlink.distillation.choices import Choices
from quantumlink.distillation.group.agreement import GroupAgreement
from quantumlink.distillation.group.alice import GroupAlice
from quantumlink.distillation.group.bob import GroupBob
from quantumlink.distillation.group.conference import ConferenceAlice, ConferenceBob
from quantumlink.distillation.group.key import ConferenceKey
from quantumlink.distillation.group.sharing import Dealer, Player, SharingAgreement
from quantumlink.distillation.records import Records
from quantumlink.distillation.shared_secret import SharedSecret
from quantumlink.distillation.vault import Vault


def convene(alice: GroupAlice, others: Sequence[GroupBob]) -> None:
    """Let the ends of one process talk until all have finished; ``others`` in the order of their numbers."""
    waiting = deque(alice.open())
    while waiting:
        party, line = waiting.popleft()
        reply = others[party - 1].receive(line)
        if reply is not None:
            waiting.extend(alice.receive(party, reply))
    alice.hang_up()
    for end in others:
        end.hang_up()


def talk_over_lines(
    records: Sequence[Records], *, agreement: GroupAgreement, seed: int | np.random.Generator | None = None
) -> tuple[GroupAlice, list[GroupBob]]:
    """All ends after their conversation.

    Args:
        records: of every party, Alice's first; they are used up.
        agreement: what all hold alike.
        seed: source of all random choices, for study; None draws from the system.
    """
    choices = Choices(seed)
    shared = [choices.bits(AUTHENTICATION_BITS) for _ in records[1:]]
    sharing = isinstance(agreement, SharingAgreement)
    first: type[GroupAlice] = Dealer if sharing else ConferenceAlice
    other: type[GroupBob] = Player if sharing else ConferenceBob
    alice = first(
        records[0],
        agreement=agreement,
        secrets=[SharedSecret(bits) for bits in shared],
        seed=choices.generator,
    )
    others = [
        other(raw, party=party, agreement=agreement, secret=SharedSecret(bits))
        for party, (raw, bits) in enumerate(zip(records[1:], shared, strict=True), start=1)
    ]
    convene(alice, others)
    return alice, others


def key_of_all(alice: GroupAlice, others: Sequence[GroupBob]) -> ConferenceKey:
    """The key of ends in one place after their conversation, with the bits of all."""
    counts = [end.account.corrected_errors for end in others]
    corrected = [count for count in counts if count is not None]
    errors = sum(corrected) if corrected else None
    held = [alice.key, *(end.key for end in others)]
    if all(held):
        bits = Vault(*(key.open_vault().read(0) for key in held))
        return replace(alice.key, holder=None, corrected_errors=errors, _vault=bits)
    # the refusal that says why, not the one that says that another end gave up
    ends: list[GroupAlice | GroupBob] = [alice, *others]
    told = next((end.key for end in ends if not end.key and not end.heard_abort), alice.key)
    assert isinstance(told, ConferenceKey)
    return replace(told, holder=None, seeded=alice.key.seeded, corrected_errors=errors)
