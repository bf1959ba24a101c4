"""Bob's part of a reconciliation: he answers as long as Alice asks, within what a key could pay for."""

from __future__ import annotations

from collections.abc import Generator

from quantumlink.distillation.bits import Bits
from quantumlink.distillation.channel import Abort, Say
from quantumlink.distillation.leak_limit import LeakLimit
from quantumlink.distillation.reconciliation import Reconciler, Reconciliation
from quantumlink.distillation.transcript import Message, pack, unpack


def answered(
    reconciler: Reconciler, raw: Bits, *, qber: float, seed: int, heard: Message, limit: LeakLimit, after: str
) -> Generator[Say, Message, tuple[Reconciliation, Message]]:
    """Answer until Alice goes on to something else.

    Args:
        reconciler: how errors are corrected.
        raw: Bob's bits.
        qber: their error rate, as both ends expect it.
        seed: of the order, as Alice has it.
        heard: her first message, of kind ``"reconcile"`` if she has any.
        limit: to what both may disclose.
        after: the kind of message that ends it.

    Returns:
        The result, and the message that came after.

    Raises:
        Abort: if the limit is passed, or the ends do not agree on when it is over.
    """
    talk = reconciler.bob_end(raw, qber=qber, seed=seed)
    try:
        next(talk)
        while heard.kind == "reconcile":
            said = unpack(heard.body.get("data"))
            limit.count(said)
            reply = talk.send(said)
            limit.count_reply(reply)
            heard = yield Say("reconciled", {"data": pack(reply)}, ("reconcile", after))
        talk.send(b"")  # nothing more: it is over, or finds that this is too little
    except StopIteration as stopped:
        if heard.kind == after:
            return stopped.value, heard
    raise Abort("the two ends do not agree on when reconciliation is over")
