"""Refusals: what is answered when a request is not met."""

from __future__ import annotations

from typing import Any


class Refusal(Exception):
    """A request that is not met.

    Args:
        status: the HTTP status that says it.
        message: why, for the caller; no secret in it.
        cause: one word, for counting.
        details: objects with more.
        retry_after_s: when it may be tried again.
    """

    def __init__(
        self,
        status: int,
        message: str,
        *,
        cause: str,
        details: list[dict[str, Any]] | None = None,
        retry_after_s: float | None = None,
    ) -> None:
        super().__init__(message)
        self.status, self.message, self.cause = status, message, cause
        self.details, self.retry_after_s = details, retry_after_s


def unknown_key() -> Refusal:
    """A key that is not there (any more)."""
    return Refusal(400, "one or more keys specified are not found on KME", cause="key not found")


def malformed(message: str) -> Refusal:
    """A request that says something that it must not."""
    return Refusal(400, message, cause="malformed")


def busy(message: str, cause: str, retry_after_s: float = 1.0) -> Refusal:
    """A request that may be met later."""
    return Refusal(503, message, cause=cause, retry_after_s=retry_after_s)
