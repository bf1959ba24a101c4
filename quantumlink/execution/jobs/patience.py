"""How long to try: back-off, polling, and what an error of the service's client means."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from typing import Any, TypeVar

from quantumlink import validation
from quantumlink.execution.jobs.errors import JobError, NotAuthorized, ServiceUnavailable

T = TypeVar("T")

_TRANSIENT = frozenset({408, 425, 429, 500, 502, 503, 504, 520, 521, 522, 524})


@dataclass(frozen=True, kw_only=True)
class Patience:
    """How often and how long to try again.

    The waits between tries grow from `first_s` by `factor` up to `longest_s`; one that the service asks for
    (Retry-After) is kept where it is longer.
    """

    tries: int = 5
    """Tries of one request before it is given up."""
    first_s: float = 1.0
    """The first wait."""
    factor: float = 2.0
    """By which the next wait is longer."""
    longest_s: float = 60.0
    """The longest wait of our own."""
    poll_s: float = 10.0
    """The longest time between two looks at a queue."""
    grace_s: float = 20.0
    """How long the service's listing may miss a job that it has created. Only after that a submission without an
    answer is taken as one that did not arrive."""
    sleep: Callable[[float], None] = time.sleep
    """What waits."""

    def __post_init__(self) -> None:
        validation.plain(self)
        validation.count("tries", self.tries, at_least=1)
        validation.number("factor", self.factor, at_least=1.0)
        for name in ("first_s", "longest_s", "poll_s", "grace_s"):
            validation.number(name, getattr(self, name), at_least=0.0)
        if not self.first_s > 0:
            raise ValueError(f"first_s must be a positive time in seconds, got {self.first_s!r}")

    def waits(self, longest_s: float | None = None) -> Iterator[float]:
        """The waits in seconds, without end."""
        most = self.longest_s if longest_s is None else longest_s
        wait = self.first_s
        while True:
            yield min(wait, most)
            wait = min(wait * self.factor, most)


@dataclass(frozen=True)
class Trouble:
    """What an error of the client means."""

    status: int | None
    """The HTTP status; -1 if a request had no proper answer, None if the error is of another kind."""
    retry_after_s: float = 0.0
    """The wait that the service asks for."""

    @property
    def is_transient(self) -> bool:
        """Whether the same request may succeed later."""
        return self.status == -1 or self.status in _TRANSIENT

    @property
    def is_refusal(self) -> bool:
        """Whether the service said no: then it surely did not do what it was asked."""
        return self.status is not None and 400 <= self.status < 500 and self.status != 408


def trouble_of(error: BaseException) -> Trouble:
    """Read an error of the client, which hides the first cause behind others."""
    import requests

    status: int | None = None
    for link in _chain(error):
        response = getattr(link, "response", None)
        code = getattr(response, "status_code", None)
        if isinstance(code, int):
            return Trouble(code, _retry_after(response))
        if type(link).__name__ == "IBMNotAuthorizedError":
            status = 401
        elif isinstance(getattr(link, "status_code", None), int):
            status = link.status_code  # type: ignore[attr-defined]
        elif isinstance(link, requests.RequestException | ConnectionError | TimeoutError) and status is None:
            status = -1
    return Trouble(status)


def patiently(action: Callable[[], T], patience: Patience, what: str) -> T:
    """Do it, again and again while the trouble is a passing one.

    Args:
        action: what may be done more than once.
        patience: how often.
        what: for error texts, such as ``"asking for the status of job x"``.

    Raises:
        NotAuthorized: if the service takes the credentials for invalid.
        ServiceUnavailable: if it was tried often enough.
        JobError: if the service says no.
    """
    for done, wait in enumerate(patience.waits(), start=1):
        try:
            return action()
        except Exception as error:
            trouble = trouble_of(error)
            if trouble.status == 401:
                raise not_authorized(what) from error
            if not trouble.is_transient:
                if type(error).__name__ in ("RequestsApiError", "IBMRuntimeError"):
                    raise JobError(f"{what}: the service refuses: {error}") from error
                raise
            if done >= patience.tries:
                raise ServiceUnavailable(f"{what}: tried {done} times, at last: {error}") from error
            patience.sleep(max(wait, trouble.retry_after_s))
    raise AssertionError("the waits have no end")


def not_authorized(what: str) -> NotAuthorized:
    """The error for an account that is refused."""
    return NotAuthorized(
        f"{what}: the service does not accept the credentials (401). An API key may have expired or been deleted: "
        f"make a new one, save it with QiskitRuntimeService.save_account(token=..., overwrite=True), and resume "
        f"the job; nothing of it is lost"
    )


def _chain(error: BaseException) -> Iterator[BaseException]:
    link: BaseException | None = error
    seen: set[int] = set()
    while link is not None and id(link) not in seen:
        seen.add(id(link))
        yield link
        link = link.__cause__ or link.__context__


def _retry_after(response: Any) -> float:
    """Seconds, from a header that gives seconds or a date."""
    text = response.headers.get("Retry-After", "") if getattr(response, "headers", None) else ""
    try:
        return max(0.0, float(text))
    except ValueError:
        pass
    try:
        return max(0.0, parsedate_to_datetime(text).timestamp() - time.time())
    except (TypeError, ValueError):
        return 0.0
