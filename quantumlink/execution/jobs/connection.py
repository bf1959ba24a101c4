"""The service behind a backend, through its own client: submit, find by tag, attach, cancel, fetch."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from difflib import get_close_matches
from functools import partial
from importlib import import_module
from importlib.util import find_spec
from typing import Any

from qiskit.providers import BackendV2

from quantumlink.execution.jobs.directed import DirectedPub, run_directed
from quantumlink.execution.jobs.errors import BackendNotFound, ForeignResult, JobDeleted, NotAuthorized
from quantumlink.execution.jobs.patience import Patience, patiently

LISTINGS = 3
"""How often backends are listed before one is taken for missing."""


def require_runtime() -> None:
    """Say what to install if IBM's client is not there.

    Raises:
        ImportError: then.
    """
    if find_spec("qiskit_ibm_runtime") is None:
        raise ImportError(
            "jobs on IBM hardware need IBM's client, which is not installed: pip install 'quantumlink[ibm]'"
        )


def default_service() -> Any:
    """The service of the account that is saved on this machine.

    Raises:
        NotAuthorized: if no account is.
    """
    require_runtime()
    from qiskit_ibm_runtime import QiskitRuntimeService
    from qiskit_ibm_runtime.exceptions import IBMAccountError

    try:
        return QiskitRuntimeService()
    except IBMAccountError as error:
        raise NotAuthorized(
            f"there are no credentials for IBM's service ({error}): save an API key once with "
            f"QiskitRuntimeService.save_account(token=...), or give a service"
        ) from error


def named_backend(service: Any, name: str, patience: Patience) -> BackendV2:
    """The backend of this name.

    Raises:
        BackendNotFound: if there is none; names that are near are suggested.
        NotAuthorized: if the account is refused.
    """
    from qiskit.providers.exceptions import QiskitBackendNotFoundError

    what = f"looking for backend {name!r}"
    for tried, wait in enumerate(patience.waits(), start=1):
        try:
            found: BackendV2 = patiently(lambda: service.backend(name), patience, what)
            return found
        except QiskitBackendNotFoundError as error:
            names = _names(service, patience)
            # The client takes a listing that failed for an empty one.
            if (names and name not in names) or tried >= min(patience.tries, LISTINGS):
                raise BackendNotFound(_not_found(name, names)) from error
            patience.sleep(wait)
    raise AssertionError("the waits have no end")


def _not_found(name: str, names: Sequence[str]) -> str:
    folded = {there.casefold().removeprefix("ibm_"): there for there in names}
    near = get_close_matches(name.casefold().removeprefix("ibm_"), list(folded), n=3, cutoff=0.5)
    hint = f" (did you mean {' or '.join(repr(folded[n]) for n in near)}?)" if near else ""
    there = ", ".join(names) or "none"
    return f"there is no backend {name!r} for this account, or it was retired{hint}; there are: {there}"


class Connection:
    """What is asked of a service about jobs, each tried with patience.

    Args:
        service: a `QiskitRuntimeService`.
        patience: how often.
    """

    def __init__(self, service: Any, patience: Patience) -> None:
        self.service, self.patience = service, patience

    def attach(self, job_id: str, tag: str) -> Any:
        """The job of this id.

        Raises:
            JobDeleted: if the account has no such job.
            ForeignResult: if the job does not carry the tag: then it is another's.
        """
        from qiskit_ibm_runtime.exceptions import RuntimeJobNotFound

        what = f"asking for job {job_id}"
        try:
            found = patiently(lambda: self.service.job(job_id), self.patience, what)
        except RuntimeJobNotFound as error:
            raise JobDeleted(
                f"{what}: this account has no such job; it was submitted from another account or instance, or "
                f"deleted, and then resume(path, rerun=True) submits it again"
            ) from error
        if tag not in (found.tags or ()):
            raise ForeignResult(f"job {job_id} does not carry the tag {tag} of this job file: it is another's")
        return found

    def find(self, tag: str) -> Any | None:
        """The job that carries this tag, the oldest if there are several, or None."""
        found = self.find_all(tag)
        return found[-1] if found else None

    def find_all(self, tag: str) -> list[Any]:
        """The jobs that carry this tag, newest first: of the first instance that has any."""
        for instance in self._instances():
            ask = partial(self.service.jobs, limit=None, job_tags=[tag], instance=instance)
            found = patiently(ask, self.patience, f"looking for the job with tag {tag}")
            mine = [job for job in found if tag in (job.tags or ())]
            if mine:
                return mine
        return []

    def send(
        self, mode: Any, pubs: Sequence[Any], options: Mapping[str, Any], tag: str, *, dry_run: bool = False
    ) -> Any:
        """Submit once, without trying again.

        Args:
            mode: a backend, or a session or batch of the user's.
            pubs: all with the same shots.
            options: of the runtime's sampler.
            tag: to find the job by.
            dry_run: whether the service is only to check and time it.

        Raises:
            NotSent: from whatever went wrong before the request that creates a job.
        """
        from qiskit_ibm_runtime.executor_sampler import Sampler

        with _watched_posts(self.service) as posts:
            try:
                if any(isinstance(pub, DirectedPub) for pub in pubs):
                    return run_directed(mode, pubs, options, dry_run=dry_run)
                sampler = Sampler(mode=mode, options=dict(options))
                sampler.options.environment.job_tags = [*sampler.options.environment.job_tags, tag]
                if not dry_run:
                    return sampler.run(list(pubs))
                sampler.options.execution.scheduler_timing = True
                return sampler.run(list(pubs), dry_run=True)
            except Exception as error:
                if posts.may_have_begun:
                    raise
                raise NotSent(str(error)) from error

    def used_s(self, job: Any) -> float | None:
        """Quantum seconds that the service counted for a job, None if it does not say (yet)."""
        told = patiently(job.metrics, self.patience, f"asking for the usage of job {job.job_id()}")
        usage = told.get("usage") if isinstance(told, Mapping) else None
        found = usage.get("qpu_charge_time_seconds") if isinstance(usage, Mapping) else None
        found = usage.get("quantum_seconds") if found is None and isinstance(usage, Mapping) else found
        return float(found) if isinstance(found, int | float) else None

    def expected_s(self, job: Any) -> float | None:
        """Quantum seconds that the service expects a job to take, None if it does not say."""
        what = f"asking for the estimate of job {job.job_id()}"
        told = patiently(lambda: job.usage_estimation, self.patience, what)
        found = told.get("quantum_seconds") if isinstance(told, Mapping) else None
        return float(found) if isinstance(found, int | float) else None

    def text_of(self, job: Any) -> str:
        """The text of a finished job's result, as the service sent it."""
        what = f"fetching the result of job {job.job_id()}"
        return patiently(lambda: job.result(decoder=[_AsText]), self.patience, what) or ""

    def check_account(self) -> None:
        """See whether the account is accepted.

        Raises:
            NotAuthorized: if it is not.
        """
        patiently(self.service.usage, self.patience, "asking for the account's usage")

    def knows(self, account: str | None) -> bool:
        """Whether the jobs of that instance (see `account_of`) can be seen with this service."""
        return account is None or account in {_fingerprint(instance) for instance in self._instances()}

    def _instances(self) -> list[str | None]:
        """The account's instances: a listing shows the jobs of one of them."""
        told = patiently(self.service.instances, self.patience, "asking for the account's instances")
        return [instance["crn"] for instance in told] or [None]


def account_of(backend: Any) -> str | None:
    """A hash of the instance that a backend's jobs belong to: enough to recognize it, and it tells nothing."""
    return _fingerprint(getattr(backend, "_instance", None))


def _fingerprint(instance: str | None) -> str | None:
    return None if instance is None else hashlib.sha256(instance.encode()).hexdigest()[:16]


def decoded(text: str) -> Any:
    """A result from its text, by the client's own decoders."""
    from qiskit_ibm_runtime.decoders.defaults import DEFAULT_DECODERS

    result: Any = text
    for decoder in DEFAULT_DECODERS["executor"]:
        if decoder.is_applicable(result):
            result = decoder.decode(result)
    return result


def runtime_class(value: Any, *names: str) -> bool:
    """Whether a value is of one of the runtime's classes, without loading the runtime for others."""
    modules = {cls.__module__.partition(".")[0] for cls in type(value).__mro__}
    if "qiskit_ibm_runtime" not in modules:
        return False
    runtime = import_module("qiskit_ibm_runtime")
    return isinstance(value, tuple(getattr(runtime, name) for name in names))


class _AsText:
    """A decoder that leaves the text as it came."""

    @staticmethod
    def is_applicable(_: Any) -> bool:
        return True

    @staticmethod
    def decode(data: Any) -> Any:
        return data


class NotSent(Exception):
    """Something went wrong before the request that would have created a job; its cause says what."""


@dataclass
class _Posts:
    """Whether the client began to send a job."""

    may_have_begun: bool = False


@contextmanager
def _watched_posts(service: Any) -> Iterator[_Posts]:
    """Watch for the request that creates a job, and keep the client from repeating it on its own after a 5xx.

    The first may have arrived. The client has no public switch for either; where its insides look otherwise than
    known, they are left alone, and a request counts as one that may have begun.
    """
    clients = [getattr(service, "_active_api_client", None), *getattr(service, "_api_clients", {}).values()]
    adapters = {}
    for client in clients:
        for adapter in getattr(getattr(client, "_session", None), "adapters", {}).values():
            if hasattr(getattr(adapter, "max_retries", None), "new") and hasattr(adapter, "send"):
                adapters[id(adapter)] = (adapter, adapter.max_retries)
    posts = _Posts(may_have_begun=not adapters)
    for adapter, retries in adapters.values():
        adapter.max_retries = retries.new(status_forcelist=())
        adapter.send = _noting(adapter.send, posts)
    try:
        yield posts
    finally:
        for adapter, retries in adapters.values():
            adapter.max_retries = retries
            del adapter.send


def _noting(send: Callable[..., Any], posts: _Posts) -> Callable[..., Any]:
    def noted(request: Any, *args: Any, **kwargs: Any) -> Any:
        if request.method == "POST" and str(request.url).partition("?")[0].endswith("/jobs"):
            posts.may_have_begun = True
        return send(request, *args, **kwargs)

    return noted


def _names(service: Any, patience: Patience) -> list[str]:
    found = patiently(service.backends, patience, "asking for the backends")
    if not found:  # the client takes a refused account for one without backends
        patiently(service.usage, patience, "asking for the account's usage")
    return sorted(backend.name for backend in found)
