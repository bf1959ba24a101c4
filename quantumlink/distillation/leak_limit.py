"""A limit to what a reconciliation may disclose: the other end may be somebody who only keeps on asking."""

from __future__ import annotations

from quantumlink.distillation.account import Account
from quantumlink.distillation.channel import Abort


class LeakLimit:
    """Ends a reconciliation that has disclosed more than any key could pay for.

    A message of k bytes tells 8k − 7 bits at least, for its last byte may be filled up: no reconciliation is ended
    too early. What is granted does not rest on this count, but on that of reconciliation, to the bit.
    """

    def __init__(self, account: Account) -> None:
        self._account, self._most, self._both = account, account.most_leak, account.count_replies
        self._told = 0

    def count(self, said: bytes) -> None:
        """Alice said that.

        Raises:
            Abort: if that was too much.
        """
        self._told += max(0, 8 * len(said) - 7)
        if self._told > self._most:
            raise Abort(
                f"reconciliation asks for {self._told} bits or more, while more than {self._most} leave no key; "
                f"{self._account.hope(self._told)}"
            )

    def count_reply(self, said: bytes) -> None:
        """Bob said that.

        Raises:
            Abort: if that was too much.
        """
        if self._both:
            self.count(said)
