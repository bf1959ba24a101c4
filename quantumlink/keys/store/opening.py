"""Opening a store by its address."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from quantumlink.keys.material import Secret
from quantumlink.keys.store.checkpoint import Checkpoint
from quantumlink.keys.store.contract import PoolPolicy
from quantumlink.keys.store.database import Database
from quantumlink.keys.store.sql import SqlStore


def open_store(
    where: str | Path,
    *,
    kme_id: str,
    kek: Secret,
    checkpoint: str | Path | None = None,
    policy: PoolPolicy | None = None,
    policies: Mapping[str, PoolPolicy] | None = None,
    simulated_allowed: bool = False,
) -> SqlStore:
    """Open a store, made if it is new.

    Args:
        where: a file for SQLite, or an address such as ``postgresql:///keys``; a ``#name`` at its end names the
            schema for this node's tables.
        kme_id: id of this node.
        kek: the key-encryption key.
        checkpoint: file of the counter that tells a restored old database; see `Checkpoint`.
        policy: of pools without one of their own.
        policies: by pool.
        simulated_allowed: whether key material of simulations may come in.

    Raises:
        StoreError: if the store belongs to another node, or is older than its checkpoint.
        WrongKeyEncryptionKey: if it was made with another key-encryption key.
    """
    database: Database
    if str(where).startswith(("postgresql://", "postgres://")):
        from quantumlink.keys.store.postgres import PostgresDatabase

        url, _, schema = str(where).partition("#")
        database = PostgresDatabase(url, schema=schema or "quantumlink")
    else:
        from quantumlink.keys.store.sqlite import SqliteDatabase

        database = SqliteDatabase(where)
    try:
        return SqlStore(
            database,
            kme_id=kme_id,
            kek=kek,
            checkpoint=None if checkpoint is None else Checkpoint(checkpoint),
            policy=policy,
            policies=policies,
            simulated_allowed=simulated_allowed,
        )
    except BaseException:
        database.close()
        raise
