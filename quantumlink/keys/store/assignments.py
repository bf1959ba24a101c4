"""Rows of assignments and of keys that wait for a slave.

At the end that gives out, an assignment holds its bytes until they are handed over. At the other end it is a note
that it came (so that hearing of it again does nothing), or that it was given up (so that it cannot come any more),
and each of its keys is a row of its own.
"""

from __future__ import annotations

import json
import secrets
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from math import inf

from quantumlink.keys.material import DeliveredKey, Position, Secret
from quantumlink.keys.sealing import Sealer
from quantumlink.keys.store.contract import Assignment, KeyNotFound, NotNamed, StoreError
from quantumlink.keys.store.database import Transaction

_VALUE = "value "
_NOTE = "INSERT INTO assignments (id, pool, role, state, size, told, born, sealed) VALUES (?, ?, ?, ?, ?, ?, ?, ?)"


@dataclass(frozen=True)
class Assignments:
    """The assignments of one transaction.

    Args:
        tx: the transaction.
        sealer: seals the records.
    """

    tx: Transaction
    sealer: Sealer

    def give(self, assignment: Assignment, secret: Secret) -> None:
        """Keep the bytes of one's own assignment until they are handed over."""
        sealed = self.sealer.seal(secret, assignment.assignment_id, assignment.pool, "given")
        self._note(assignment, "giver", "open", len(secret), sealed)

    def is_known(self, assignment: Assignment) -> bool:
        """Whether it came already.

        Raises:
            StoreError: if it was given up, or came with other content.
        """
        found = self.tx.run("SELECT state, told FROM assignments WHERE id = ?", assignment.assignment_id)
        if not found:
            return False
        state, told = found[0]
        if state == "void":
            raise StoreError("this assignment was given up: it cannot come any more")
        if told != _told(assignment):
            raise StoreError("an assignment of that id came before, with other content")
        return True

    def receive(self, assignment: Assignment, secret: Secret) -> None:
        """Keep the keys of an assignment for their slaves."""
        self._note(assignment, "receiver", "open", 0, None)
        born, named = time.time(), json.dumps(assignment.slaves)
        self.tx.run_many(
            "INSERT INTO keys (id, pool, assignment, master, named, waiting, size, born, sealed) "
            "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
            [
                (
                    key.key_id, assignment.pool, assignment.assignment_id, assignment.master, named, named,
                    len(key.secret), born,
                    self.sealer.seal(key.secret, key.key_id, assignment.pool, assignment.master, named),
                )
                for key in cut(assignment, secret)
            ],
        )  # fmt: skip

    def hand_over(self, assignment_id: str) -> tuple[Assignment, Secret]:
        """Take one's own assignment out.

        Raises:
            KeyNotFound: if it is not there (any more).
        """
        rows = self.tx.run(
            "DELETE FROM assignments WHERE id = ? AND role = 'giver' AND state = 'open' "
            "RETURNING pool, told, sealed",
            assignment_id,
        )
        if not rows:
            raise KeyNotFound("this assignment was handed over or given up")
        pool, told, sealed = rows[0]
        return _assignment(assignment_id, pool, told), self.sealer.open(sealed, assignment_id, pool, "given")

    def peek(self, assignment_id: str) -> list[DeliveredKey]:
        """The keys of one's own assignment, which stays.

        Raises:
            KeyNotFound: if it is not there (any more).
        """
        sql = "SELECT pool, told, sealed FROM assignments WHERE id = ? AND role = 'giver' AND state = 'open'"
        if not (rows := self.tx.run(sql, assignment_id)):
            raise KeyNotFound("this assignment was handed over or given up")
        pool, told, sealed = rows[0]
        return cut(_assignment(assignment_id, pool, told), self.sealer.open(sealed, assignment_id, pool, "given"))

    def give_up(self, assignment: Assignment) -> tuple[int, bool]:
        """Remove what is held for an assignment, and note that it must not come any more.

        Returns:
            How many bytes were held, and whether none of its keys was handed over before.
        """
        found = self.tx.run("SELECT role, state, size FROM assignments WHERE id = ?", assignment.assignment_id)
        if not found:
            self._note(assignment, "receiver", "void", 0, None)
            return 0, True
        role, state, held = found[0]
        if state == "void":
            return 0, True
        complete = True
        if role == "receiver":
            rows = self.tx.run("DELETE FROM keys WHERE assignment = ? RETURNING size", assignment.assignment_id)
            held, complete = sum(size for (size,) in rows), len(rows) == len(assignment.key_ids)
        self.tx.run(
            "UPDATE assignments SET state = 'void', size = 0, sealed = NULL WHERE id = ?", assignment.assignment_id
        )
        return held, complete

    def give_up_value(self, pool: str, key_id: str) -> tuple[str, int]:
        """Give up a key of another domain: what became of it, and how many bytes were held."""
        number = _VALUE + key_id
        found = self.tx.run("SELECT state FROM assignments WHERE id = ? AND pool = ?", number, pool)
        if not found:
            self._note(of_value(pool, key_id, "", (), 1), "receiver", "void", 0, None)  # it must not come late
            return "key not present", 0
        if found[0][0] == "void":
            return "voided", 0
        held, complete = self.give_up(of_value(pool, key_id, "", (), 1))
        return ("voided" if complete else "failed to void"), held

    def values(self, pool: str) -> list[str]:
        """Ids of the keys of another domain that were not given up."""
        rows = self.tx.run(
            "SELECT id FROM assignments WHERE pool = ? AND role = 'receiver' AND state = 'open' AND id LIKE ?",
            pool, _VALUE + "%",
        )  # fmt: skip
        return [number.removeprefix(_VALUE) for (number,) in rows]

    def collect(self, slave: str, master: str, key_ids: Sequence[str]) -> tuple[list[DeliveredKey], Counter[str]]:
        """Keys for a slave, in the order asked for, and how many bytes leave each pool.

        Raises:
            KeyNotFound: if one is not there, or not from that master.
            NotNamed: if the slave was not named for one.
        """
        rows = [self._found(key_id) for key_id in key_ids]
        missing = [key_id for key_id, row in zip(key_ids, rows, strict=True) if row is None]
        found = [row for row in rows if row is not None]
        if any(slave not in row.named for row in found):
            raise NotNamed("the caller was not named when the key was made")
        if missing or any(row.master != master or slave not in row.waiting for row in found):
            raise KeyNotFound("one or more keys are not here")
        used: Counter[str] = Counter()
        keys = []
        for row in found:
            secret = self.sealer.open(row.sealed, row.key_id, row.pool, row.master, json.dumps(row.named))
            keys.append(DeliveredKey(row.key_id, secret))
            if left := [name for name in row.waiting if name != slave]:
                self.tx.run("UPDATE keys SET waiting = ? WHERE id = ?", json.dumps(left), row.key_id)
            else:
                self.tx.run("DELETE FROM keys WHERE id = ?", row.key_id)
                used[row.pool] += len(secret)
        return keys, used

    def given(self, state: str, born_before: float, born_after: float = inf) -> list[Assignment]:
        """One's own assignments in that state, made before a time or after another, oldest first."""
        rows = self.tx.run(
            "SELECT id, pool, told FROM assignments WHERE role = 'giver' AND state = ? AND (born < ? OR born > ?) "
            "ORDER BY born", state, born_before, born_after,
        )  # fmt: skip
        return [_assignment(*row) for row in rows]

    def expire(self, pool: str, born_before: float) -> int:
        """Destroy keys that nobody collected, and forget old notes; returns how many bytes."""
        self.tx.run("DELETE FROM assignments WHERE pool = ? AND born < ? AND size = 0", pool, born_before)
        rows = self.tx.run("DELETE FROM keys WHERE pool = ? AND born < ? RETURNING size", pool, born_before)
        return sum(size for (size,) in rows)

    def audit(self) -> None:
        """Open every record.

        Raises:
            DamagedRecord: at the first one that does not open.
        """
        for key_id, pool, master, named, sealed in self.tx.run("SELECT id, pool, master, named, sealed FROM keys"):
            self.sealer.open(sealed, key_id, pool, master, named)
        for number, pool, sealed in self.tx.run("SELECT id, pool, sealed FROM assignments WHERE size > 0"):
            self.sealer.open(sealed, number, pool, "given")

    def _found(self, key_id: str) -> _Waiting | None:
        rows = self.tx.run("SELECT id, pool, master, named, waiting, sealed FROM keys WHERE id = ?", key_id)
        if not rows:
            return None
        key, pool, master, named, waiting, sealed = rows[0]
        return _Waiting(key, pool, master, json.loads(named), json.loads(waiting), sealed)

    def _note(self, assignment: Assignment, role: str, state: str, size: int, sealed: bytes | None) -> None:
        told = _told(assignment)
        self.tx.run(_NOTE, assignment.assignment_id, assignment.pool, role, state, size, told, time.time(), sealed)


@dataclass(frozen=True)
class _Waiting:
    key_id: str
    pool: str
    master: str
    named: list[str]
    waiting: list[str]
    sealed: bytes


def cut(assignment: Assignment, secret: Secret) -> list[DeliveredKey]:
    """The keys of an assignment."""
    size = assignment.key_bytes
    return [DeliveredKey(key_id, secret.cut(i * size, size)) for i, key_id in enumerate(assignment.key_ids)]


def of_value(pool: str, key_id: str, master: str, slaves: Sequence[str], length: int) -> Assignment:
    """The note of a whole key that came from another domain."""
    return Assignment(_VALUE + key_id, pool, master, tuple(slaves), (key_id,), length, ())


def local_secret(length: int) -> Secret:
    """Random bytes of the operating system, for keys that never leave one node."""
    return Secret(secrets.token_bytes(length))


def _told(assignment: Assignment) -> str:
    told = {  # by the names, in order; asdict would copy each
        "key_bytes": assignment.key_bytes,
        "key_ids": assignment.key_ids,
        "master": assignment.master,
        "positions": [{"chunk": p.chunk, "length": p.length, "start": p.start} for p in assignment.positions],
        "slaves": assignment.slaves,
    }
    return json.dumps(told)


def _assignment(assignment_id: str, pool: str, told: str) -> Assignment:
    content = json.loads(told)
    return Assignment(
        assignment_id=assignment_id,
        pool=pool,
        master=content["master"],
        slaves=tuple(content["slaves"]),
        key_ids=tuple(content["key_ids"]),
        key_bytes=content["key_bytes"],
        positions=tuple(Position(**position) for position in content["positions"]),
    )
