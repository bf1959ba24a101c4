"""What the services, stores and files of keys refuse, as the mistakes that every command tells in one line."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def mistakes_of_keys() -> Iterator[None]:
    """Raise a ValueError for whatever a key manager, a store or a protected file refuses."""
    from quantumlink.keys.protection import ProtectedFileError
    from quantumlink.keys.sealing import WrongKeyEncryptionKey
    from quantumlink.keys.service.client import KeyServiceError
    from quantumlink.keys.store import StoreError

    try:
        yield
    except (KeyServiceError, ProtectedFileError, StoreError, WrongKeyEncryptionKey) as error:
        raise ValueError(str(error)) from error
