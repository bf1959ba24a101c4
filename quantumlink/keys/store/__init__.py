"""The key store: material at rest, in SQLite or PostgreSQL, with every byte accounted for."""

from quantumlink.keys.store.contract import (
    BlockRefused,
    CheckpointError,
    HeldBack,
    KeyNotFound,
    NotEnoughKeys,
    NotNamed,
    PoolLevel,
    PoolPolicy,
    PositionsGone,
    Store,
    StoreError,
    StoreFull,
    StoreUnavailable,
)
from quantumlink.keys.store.opening import open_store

__all__ = [
    "BlockRefused",
    "CheckpointError",
    "HeldBack",
    "KeyNotFound",
    "NotEnoughKeys",
    "NotNamed",
    "PoolLevel",
    "PoolPolicy",
    "PositionsGone",
    "Store",
    "StoreError",
    "StoreFull",
    "StoreUnavailable",
    "open_store",
]
