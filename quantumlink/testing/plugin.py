"""A plugin for pytest, there once quantumlink is installed; ``-p no:quantumlink.testing.plugin`` turns it off.

- **Seeds.** ``quantumlink_seed`` and ``quantumlink_rng`` are each test's own, derived from its name and from one
  seed of the session, which is printed: ``pytest --quantumlink-seed=N``, or the variable ``QUANTUMLINK_SEED``,
  repeats it in any order and for one test alone. Without either, it is the option ``quantumlink_seed`` of the
  configuration file; without that, each session draws a new one.
- **Failures.** A failed check of `quantumlink.testing` shows the circuit's drawing and the worst branch; what the
  library refuses within one is told where the test calls it (``--full-trace`` shows the library's own frames).
- **False alarms.** `assert_counts` fails now and then although nothing is wrong.
  ``@pytest.mark.sampled(false_alarm=1e-6)`` says how often a test may, at most, and a test that spends more fails.
  A marked test without such a check counts as its marker says.
  What all tests spent together is told at the end, and must not exceed the option
  ``quantumlink_false_alarm_budget`` (1e-3) of the configuration file.
- **Devices.** ``fake_device(qubits=4)`` gives a few connected qubits of a fake device, as a device of its own.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import secrets
from collections.abc import Callable, Generator
from types import TracebackType
from typing import Any

import numpy as np
import pytest

OPTION = "--quantumlink-seed"
VARIABLE = "QUANTUMLINK_SEED"
SEED = "quantumlink_seed"
BUDGET = "quantumlink_false_alarm_budget"
SPENT = "quantumlink_false_alarm"
"""The property of a test's report that says what it spent."""


def pytest_addoption(parser: pytest.Parser) -> None:
    """The seed as an option, the budget in the configuration file."""
    group = parser.getgroup("quantumlink")
    group.addoption(OPTION, type=int, default=None, help="seed of all tests' random numbers")
    parser.addini(SEED, "seed of all tests' random numbers, where no option gives one", default="")
    parser.addini(BUDGET, "how often, at most, a whole session may fail by chance", default="1e-3")


def pytest_configure(config: pytest.Config) -> None:
    """Draw the session's seed if none is given, and register the marker."""
    config.addinivalue_line(
        "markers", "sampled(false_alarm=1e-6): draws samples, and fails by chance at most that often"
    )
    _budget(config)  # a wrong one is told before the tests run
    of_the_session = getattr(config, "workerinput", {}).get(VARIABLE)  # given to parallel workers, see below
    if of_the_session is not None:
        config.option.quantumlink_seed = of_the_session
    elif config.getoption(OPTION) is None:
        written = os.environ.get(VARIABLE) or config.getini(SEED) or secrets.randbits(32)
        try:
            config.option.quantumlink_seed = int(written)
        except ValueError as error:
            raise pytest.UsageError(
                f"the seed (variable {VARIABLE}, or {SEED} of the configuration file) must be a whole number; "
                f"got {written!r}"
            ) from error


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node: Any) -> None:
    """Hand the seed on: pytest-xdist gives its workers the command line only."""
    node.workerinput[VARIABLE] = node.config.option.quantumlink_seed


def pytest_report_header(config: pytest.Config) -> str:
    """The session's seed."""
    return f"quantumlink seed: {config.getoption(OPTION)}"


@pytest.fixture
def quantumlink_seed(request: pytest.FixtureRequest) -> int:
    """An integer in [0, 2³¹), this test's own."""
    text = f"{request.config.getoption(OPTION)}:{request.node.nodeid}"
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:4], "big") >> 1


@pytest.fixture
def quantumlink_rng(quantumlink_seed: int) -> np.random.Generator:
    """A numpy Generator, this test's own."""
    return np.random.default_rng(quantumlink_seed)


@pytest.fixture(scope="session")
def fake_device() -> Callable[..., Any]:
    """A function ``fake_device(name="fake_torino", qubits=5)``: a few connected qubits of a fake device.

    ``qubits`` is how many, or which. Without the package qiskit-ibm-runtime the test is skipped; the name
    ``"generic"`` needs none.
    """
    from quantumlink.testing.devices import restricted_device

    known: dict[tuple[str, Any], Any] = {}

    def device(name: str = "fake_torino", *, qubits: Any = 5) -> Any:
        key = (name, qubits if isinstance(qubits, int) else tuple(qubits))
        if key not in known:
            known[key] = restricted_device(_whole_device(name), qubits)
        return known[key]

    return device


def _whole_device(name: str) -> Any:
    if name == "generic":
        from qiskit.providers.fake_provider import GenericBackendV2

        return GenericBackendV2(20, seed=1)
    from quantumlink import validation

    module = pytest.importorskip("qiskit_ibm_runtime.fake_provider", reason="fake devices need qiskit-ibm-runtime")
    provider = module.FakeProviderForBackendV2()
    known = ["generic", *sorted(backend.name for backend in provider.backends())]
    return provider.backend(validation.choice("name", name, known))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Generator[None, Any, Any]:
    """Note what the test spent of the budget, and let it fail if that is more than its marker says."""
    from quantumlink.testing import sampled

    sampled.SPENT.clear()
    try:
        result = yield
    finally:
        spent = sum(sampled.SPENT)
        if spent:
            item.user_properties.append((SPENT, spent))
    marker = item.get_closest_marker("sampled")
    if marker is not None:
        allowed = _allowed(*marker.args, **marker.kwargs)
        if spent > allowed * (1 + 1e-9):
            pytest.fail(
                f"its sampled checks fail by chance with a probability of up to {spent:.3g}, more than the "
                f"{allowed:.3g} of its marker: give each a smaller false_alarm, or the marker a larger one",
                pytrace=False,
            )
        if not spent:  # it samples by means of its own
            item.user_properties.append((SPENT, allowed))
    return result


def _allowed(*given: Any, **named: Any) -> float:
    """What a marker allows; an argument that it does not know would leave the default, without a word."""
    values = [*given, *named.values()] or [1e-6]
    if len(values) == 1 and not named.keys() - {"false_alarm"}:
        with contextlib.suppress(TypeError, ValueError):
            return _probability(values[0])
    told = ", ".join([*map(repr, given), *(f"{name}={value!r}" for name, value in named.items())])
    return pytest.fail(
        f"its marker 'sampled' takes one argument, false_alarm, which must be a number from 0 to 1, such as 1e-6; "
        f"got sampled({told})",
        pytrace=False,
    )


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[Any]) -> Generator[None, Any, Any]:
    """Show the circuit of a failed check, and where the test made it."""
    if call.excinfo is not None and not item.config.getoption("fulltrace"):
        _end_at_the_test(call.excinfo.tb)
    report = yield
    from quantumlink.testing.failure import CheckFailed

    if call.excinfo is not None and isinstance(call.excinfo.value, CheckFailed):
        report.sections.append(("circuit", call.excinfo.value.picture()))
    return report


def _end_at_the_test(trace: TracebackType | None) -> None:
    """Cut a trace where the test calls a check or a device, if the library's own words say what is wrong."""
    calls: list[TracebackType] = []
    while trace is not None:
        calls.append(trace)
        trace = trace.tb_next
    modules = [str(call.tb_frame.f_globals.get("__name__")) for call in calls]
    if not modules[-1].startswith(("quantumlink.", "quantumlink_circuits.")):
        return  # something that nobody foresaw
    for caller, call, module in zip(calls, calls[1:], modules[1:], strict=False):
        hook = call.tb_frame.f_code.co_name.startswith("pytest_")
        if module.startswith("quantumlink.testing.") and not hook:
            caller.tb_next = None
            return


def pytest_terminal_summary(terminalreporter: Any, exitstatus: int, config: pytest.Config) -> None:
    """How to repeat a failed session, and what was spent of the budget."""
    if exitstatus:  # a quiet run prints no header
        terminalreporter.write_line(f"quantumlink seed: rerun with {OPTION}={config.getoption(OPTION)}")
    spent = _spent_by(terminalreporter)
    if spent:
        text = f"sampled checks: false alarms with a probability of up to {sum(spent):.2g} in {len(spent)} tests"
        terminalreporter.write_line(f"{text} (budget {_budget(config):.2g})")


def pytest_sessionfinish(session: pytest.Session) -> None:
    """A session that spent more than its budget fails."""
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    if reporter is not None and sum(_spent_by(reporter)) > _budget(session.config) and not session.exitstatus:
        reporter.write_line(
            "\nthe sampled checks of this session spent more than the budget of false alarms", red=True
        )
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def _spent_by(reporter: Any) -> list[float]:
    reports = [report for outcome in ("passed", "failed") for report in reporter.stats.get(outcome, [])]
    of_calls = [report for report in reports if getattr(report, "when", None) == "call"]
    return [value for report in of_calls for name, value in report.user_properties if name == SPENT]


def _budget(config: pytest.Config) -> float:
    text = config.getini(BUDGET)
    try:
        return _probability(text)
    except ValueError as error:
        raise pytest.UsageError(f"{BUDGET} must be a number from 0 to 1, such as 1e-3; got {text!r}") from error


def _probability(given: Any) -> float:
    """A number from 0 to 1; "not a number" would pass every comparison."""
    value = float(given)
    if not 0 <= value <= 1:
        raise ValueError(f"no probability: {given!r}")
    return value
