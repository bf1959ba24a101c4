"""The tables, for SQLite and PostgreSQL alike; what is held is counted by triggers, from the rows themselves."""

from __future__ import annotations

from typing import Final

from quantumlink.keys.ledger import HELD, LEFT

COLUMNS: Final = ("generated", *HELD, *LEFT)

VERSION: Final = 1


def tables(blob: str, serial: str, *, clustered: str = "") -> list[str]:
    """Statements that make the tables; each index more is a page more that a commit writes.

    Args:
        blob: the name of the type for bytes.
        serial: the type of a number that counts by itself, with its key.
        clustered: what makes a table one with the index of its key, where the database can.
    """
    return [
        "CREATE TABLE IF NOT EXISTS meta (name TEXT PRIMARY KEY, number BIGINT, content " + blob + ")",
        "CREATE TABLE IF NOT EXISTS ledger (pool TEXT PRIMARY KEY, own BIGINT NOT NULL DEFAULT 0, "
        + ", ".join(f"{name} BIGINT NOT NULL DEFAULT 0 CHECK ({name} >= 0)" for name in COLUMNS)
        + ")",
        "CREATE TABLE IF NOT EXISTS sources (pool TEXT, source TEXT, next BIGINT NOT NULL, account TEXT NOT NULL, "
        "PRIMARY KEY (pool, source))",
        f"CREATE TABLE IF NOT EXISTS chunks (n {serial}, pool TEXT NOT NULL, chunk TEXT NOT NULL, "
        "start BIGINT NOT NULL, size BIGINT NOT NULL, own BIGINT NOT NULL, state TEXT NOT NULL, "
        f"born DOUBLE PRECISION NOT NULL, sealed {blob} NOT NULL, UNIQUE (pool, chunk, start))",
        "CREATE INDEX IF NOT EXISTS chunks_in_order ON chunks (pool, state, own, n)",
        "CREATE INDEX IF NOT EXISTS chunks_by_age ON chunks (pool, born)",
        "CREATE TABLE IF NOT EXISTS assignments (id TEXT PRIMARY KEY, pool TEXT NOT NULL, role TEXT NOT NULL, "
        "state TEXT NOT NULL, size BIGINT NOT NULL, told TEXT NOT NULL, born DOUBLE PRECISION NOT NULL, "
        f"sealed {blob}){clustered}",
        "CREATE INDEX IF NOT EXISTS assignments_given ON assignments (state, born) WHERE role = 'giver'",
        "CREATE TABLE IF NOT EXISTS keys (id TEXT PRIMARY KEY, pool TEXT NOT NULL, assignment TEXT NOT NULL, "
        "master TEXT NOT NULL, named TEXT NOT NULL, waiting TEXT NOT NULL, size BIGINT NOT NULL, "
        f"born DOUBLE PRECISION NOT NULL, sealed {blob} NOT NULL){clustered}",
        "CREATE INDEX IF NOT EXISTS keys_by_assignment ON keys (assignment)",
        "CREATE INDEX IF NOT EXISTS keys_by_age ON keys (pool, born)",
        f"CREATE TABLE IF NOT EXISTS trail (n {serial}, event TEXT NOT NULL, digest TEXT NOT NULL)",
    ]


def counting_rules() -> list[tuple[str, str, str, str]]:
    """(name, table, event, update of the ledger) of each trigger."""
    rules = []
    for event, signs in (("INSERT", {"NEW": "+"}), ("DELETE", {"OLD": "-"}), ("UPDATE", {"NEW": "+", "OLD": "-"})):
        counted = {
            "chunks": [("stored", "state = 'stored'"), ("quarantined", "state = 'quarantined'")],
            "assignments": [("assigned", "size >= 0")],
            "keys": [("assigned", "size >= 0")],
        }
        for table, columns in counted.items():
            changes = [(column, "size", condition) for column, condition in columns]
            if table == "chunks":
                changes.append(("own", "size * {row}.own", "state = 'stored'"))
            terms = []
            for column, amount, condition in changes:
                text = column
                for row, sign in signs.items():
                    size = f"{row}.{amount}".replace("{row}", row)
                    text += f" {sign} CASE WHEN {row}.{condition} THEN {size} ELSE 0 END"
                terms.append(f"{column} = {text}")
            row = next(iter(signs))
            update = f"UPDATE ledger SET {', '.join(terms)} WHERE pool = {row}.pool"
            rules.append((f"{table}_{event.lower()}", table, event, update))
    return rules


UNBALANCED: Final = f"SELECT pool FROM ledger WHERE generated <> {' + '.join((*HELD, *LEFT))}"
"""Finds pools whose books do not balance."""
