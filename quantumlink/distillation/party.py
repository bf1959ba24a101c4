"""A party: one end of a distillation, which shares nothing with the other end but public messages.

`Alice` (see `distillation.ends`) opens the conversation; each end answers a message with the next one until
it has nothing to say. The messages are bytes, whatever carries them:

=================  =====================================================================================
hello              Alice: what both must agree on, how much of the shared secret she has used, and whether her
                   records are simulated, or they or her choices seeded
detections         Bob: the rounds he detected, what he says of them, where both go on in the secret, and whether
                   his records are simulated or seeded
announced          Alice: what she says of those rounds; only where Bob answers: ``kept``, what he keeps
test               Alice: her settings (if not yet), her compared bits, and a sample of her key bits; Bob: his
reconcile          as many messages as the reconciliation needs, Bob answers each
count              only where the bound asks for it: after each block, how many errors it had; Bob: ``counted``
check              Alice: verification tag, both hash functions; the first message with an authentication tag
verified           Bob: whether his tag is the same
confirmed          Alice: she has the key
abort              either: why there will be no key; with a tag, as soon as both know their place in the secret
=================  =====================================================================================

The tags of check, verified and confirmed cover all that was said before, detections and settings included, so one
end or the other sees any change to any message before a key is released. An abort has a tag of its own; one
without, or with a wrong one, is not obeyed once tags are possible. The raw records of an end are used up when it is
made, and a part of the secret when both know where: whatever happens to the conversation, no mask is used twice.

Who sends the last message cannot know that it arrives; no protocol can change that. Alice releases her key once
Bob has confirmed that he holds the same; Bob releases his once Alice has confirmed that she has his confirmation.
If that last message is lost or spoiled, or anything else reaches Bob instead of it, he gives up and says so, while
Alice holds a key that nobody else uses: it is secret, but the first use of it will find no partner. There is never
a pair of keys that differ, but for the probability ``eps_cor`` and that of a forged tag.

What one end knows of where the key comes from, the other one is told: a key whose hash functions came from a seed
is as little a secret at either end.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Generator
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from quantumlink import validation
from quantumlink.distillation.account import Account
from quantumlink.distillation.agreement import Agreement
from quantumlink.distillation.bits import Bits
from quantumlink.distillation.channel import AUTHENTICATION_BITS, Abort, Channel, Say
from quantumlink.distillation.key import Key
from quantumlink.distillation.records import Records
from quantumlink.distillation.shared_secret import SharedSecret
from quantumlink.distillation.transcript import Message
from quantumlink.security.contract import Tally

__all__ = ["AUTHENTICATION_BITS", "Abort", "Party", "Say", "Talk"]

Talk: TypeAlias = Generator[Say, Message, Bits]
"""A conversation from one end: yields what it says, is sent the answers, returns the secret bits."""


class Party(Channel):
    """One end: its raw records, its part of a shared secret, and its copy of the conversation."""

    def __init__(self, records: Records, *, agreement: Agreement, secret: SharedSecret, seeded: bool) -> None:
        """Take the raw records, which are used up.

        Args:
            records: what this end noted of the rounds.
            agreement: what both ends hold alike.
            secret: bits shared with the other end; ``AUTHENTICATION_BITS`` of them will be taken.
            seeded: whether random choices come from a seed.

        Raises:
            ValueError: if the records are of another number of rounds.
            RecordsConsumed: if the records were in a conversation already.
            SecretExhausted: if too little is left of the secret.
        """
        validation.instance("records", records, Records, "raw records, Records(...)")
        if records.rounds != agreement.rounds:
            raise ValueError(f"records must be of {agreement.rounds} rounds, as agreed, got {records.rounds}")
        super().__init__(secret, simulated=records.simulated, seeded=seeded or records.seeded)
        self._raw = records.consume()
        self.agreement = agreement
        self._inherited = secret.epsilon
        self.account = self._open_account(_NOTHING, detected=0, sifted=0)
        """What is known so far of the key in the making."""
        self.compared_errors: dict[str, NDArray[np.bool_]] = {}
        """Where the compared bits differed: in the sample of the key basis, ``"Z"``, and in the test basis."""
        self._key: Key | None = None
        self._talk = self._conversation()

    @property
    def key(self) -> Key:
        """The key as this end holds it: given, or refused with the reason.

        Raises:
            RuntimeError: if the conversation is not over; ``hang_up`` ends it.
        """
        if not self.finished:
            raise RuntimeError("the conversation is not over, so there is no key yet")
        if self._key is None:
            self._key = self.account.key(self.name, reason=self.reason)
        return self._key

    def __repr__(self) -> str:
        state = "finished" if self.finished else f"message {len(self.transcript)} is next"
        return f"{type(self).__name__}({self.agreement.protocol!r}, {state})"

    # --- the conversation

    @abstractmethod
    def _conversation(self) -> Talk:
        """What this end says: it yields its messages and is sent the answers; it returns its secret bits."""

    def _hear_origin(self, message: Message) -> None:
        """Take over what the other end says of it."""
        super()._hear_origin(message)
        self.account.simulated, self.account.seeded = self._simulated, self._seeded

    def _speak(self, heard: Message | None) -> bytes | None:
        """Go on with the conversation, to the next thing to say or to its end."""
        try:
            say = next(self._talk) if heard is None else self._talk.send(heard)
        except StopIteration as stopped:
            self._release(stopped.value)
            return None
        line = self._message(say)
        if not say.answers:
            self._come_to_the_end()
        return line

    def _come_to_the_end(self) -> None:
        try:
            next(self._talk)
        except StopIteration as stopped:
            self._release(stopped.value)
        except Abort as refused:
            self.hang_up(str(refused))

    def _release(self, bits: Bits) -> None:
        self.account.forgery_probability = self._tagger.forgery_probability
        self._key = self.account.key(self.name, bits=bits)
        self._complete = True

    def _give_up(self, reason: str) -> bytes | None:
        self._talk.close()
        return super()._give_up(reason)

    # --- what both ends keep

    def _open_account(self, tally: Tally, *, detected: int, sifted: int) -> Account:
        agreed = self.agreement
        compared = agreed.sifting.compared
        return Account.opened(
            agreed,
            tally,
            accepted=detected,
            sifted=sifted,
            test=_of_stream(tally, compared[0]) if compared else (0, 0),
            authentication_bits=AUTHENTICATION_BITS,
            blocks=agreed.sifting.blocks,
            inherited_epsilon=self._inherited,
            simulated=self._simulated,
            seeded=self._seeded,
        )


_NOTHING = Tally(rounds=0, detected=0, sampled=0, sample_errors=0, compared={}, raw={})


def _of_stream(tally: Tally, stream: str) -> tuple[int, int]:
    """Bits and errors of a stream, all classes together."""
    found = [pair for name, pair in tally.compared.items() if name == stream or name.startswith(f"{stream} ")]
    return sum(bits for bits, _ in found), sum(errors for _, errors in found)
