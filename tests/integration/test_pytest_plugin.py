"""The plugin, as somebody else's test suite meets it."""

import re
from pathlib import Path

import matplotlib as mpl
import pytest

FONTS = mpl.get_cachedir()  # a suite has a home of its own, and would look for fonts again
PLUGIN = "quantumlink.testing.plugin"
GUIDE = Path(__file__).parents[2] / "notebooks" / "guide" / "testing_circuits.md"


@pytest.fixture
def suite(pytester, monkeypatch):
    """A folder of tests that loads the plugin, whether the package is installed or not."""
    monkeypatch.setenv("MPLCONFIGDIR", FONTS)
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")  # other people's, which take their time
    pytester.makeconftest(f"pytest_plugins = [{PLUGIN!r}]")
    return pytester


SEEDS = """
def test_a(quantumlink_seed): print("seed", quantumlink_seed)
def test_b(quantumlink_rng): print("drawn", quantumlink_rng.integers(10**9))
"""


def drawn(suite, *options):
    result = suite.runpytest_subprocess("-rP", *options)
    result.assert_outcomes(passed=2)
    return re.findall(r"^(?:seed|drawn) \d+", result.stdout.str(), flags=re.MULTILINE), result.stdout.str()


def test_a_session_repeats_by_its_printed_seed(suite):
    suite.makepyfile(SEEDS)
    first, text = drawn(suite)
    assert len({line.split()[1] for line in first}) == 2  # each test has its own
    (seed,) = re.findall(r"quantumlink seed: (\d+)", text)
    assert drawn(suite, f"--quantumlink-seed={seed}")[0] == first


def test_a_failed_check_draws_its_circuit_and_names_the_branch(suite):
    suite.makepyfile(
        """
        import pytest
        from qiskit.circuit import Parameter
        from quantumlink import testing
        from quantumlink.circuits import teleportation

        def test_teleportation():
            broken = teleportation()
            broken.data = broken.data[:-1]  # without its last correction
            testing.assert_channel(broken, "I", inputs="message", outputs="receiver")

        def test_refused(fake_device):
            unbound = teleportation()
            unbound.rx(Parameter("angle"), 0)
            with pytest.raises(ValueError, match="qubits"):
                fake_device("generic", qubits=30)
            testing.assert_prepares(unbound, "000")
        """
    )
    result = suite.runpytest_subprocess("--quantumlink-seed=5")
    result.assert_outcomes(failed=2)
    text = result.stdout.str()
    assert "'rx' has unbound parameters" in text
    assert not re.search(r"quantumlink/\w+/\w+\.py:\d+", text)  # none of our own frames
    assert "message" in text
    assert "receiver" in text
    assert "If-0" in text  # the correction that is left, drawn
    assert re.search(r"worst is the branch .*=1", text)
    assert "rerun with --quantumlink-seed=5" in text


SAMPLED = """
import pytest
from quantumlink import testing

@pytest.mark.sampled({argument}={allowed})
def test_counts():
    for _ in range(3):
        testing.assert_counts({{"0": 503, "1": 497}}, {{"0": 0.5, "1": 0.5}}, false_alarm={each})
"""


def test_a_test_spends_no_more_than_its_marker_says(suite):
    for name, allowed in (("enough", 3e-6), ("scarce", 2e-6)):
        (suite.path / f"test_{name}.py").write_text(
            SAMPLED.format(argument="false_alarm", allowed=allowed, each=1e-6), encoding="utf-8"
        )
    result = suite.runpytest_subprocess("--strict-markers")
    result.assert_outcomes(passed=1, failed=1)
    assert "FAILED test_scarce.py" in result.stdout.str()
    assert "up to 3e-06, more than the 2e-06 of its marker" in result.stdout.str()
    assert "up to 6e-06 in 2 tests (budget 0.001)" in result.stdout.str()


def test_a_session_spends_no_more_than_its_budget_in_workers_too(suite):
    suite.makeini("[pytest]\nquantumlink_false_alarm_budget = 2e-4")
    suite.makepyfile(SAMPLED.format(argument="false_alarm", allowed=1e-3, each=1e-4))
    result = suite.runpytest_subprocess("-p", "xdist", "-n", "1")
    result.assert_outcomes(passed=1)
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    assert "more than the budget" in result.stdout.str()


def test_a_marked_test_that_samples_by_itself_counts_as_its_marker_says(suite):
    suite.makepyfile(
        """
        import pytest

        @pytest.mark.sampled(false_alarm=2e-3)
        def test_own(quantumlink_rng):
            assert quantumlink_rng.random() < 1
        """
    )
    result = suite.runpytest_subprocess()
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    assert "up to 0.002 in 1 tests (budget 0.001)" in result.stdout.str()


def test_a_marker_names_a_probability(suite):
    right = "false_alarm"
    for i, (argument, wrong) in enumerate(
        [(right, "float('nan')"), (right, "-1"), (right, "'o'"), ("alarm", "0.1")]
    ):
        code = SAMPLED.format(argument=argument, allowed=wrong, each=1e-6)
        (suite.path / f"test_{i}.py").write_text(code, encoding="utf-8")
    result = suite.runpytest_subprocess()
    result.assert_outcomes(failed=4)
    # The summary may say it once more: pytest cuts its lines on a terminal, and not where CI is set.
    failures = [line for line in result.outlines if line.startswith("its marker 'sampled'")]
    assert len(failures) == 4
    assert all("must be a number from 0 to 1" in line for line in failures)
    assert "got sampled(alarm=0.1)" in result.stdout.str()


@pytest.mark.parametrize(
    ("setting", "told"),
    [("quantumlink_false_alarm_budget = nan", "from 0 to 1"), ("quantumlink_seed = seven", "whole number")],
)
def test_a_configuration_that_says_nothing_is_refused(suite, setting, told):
    suite.makeini(f"[pytest]\n{setting}")
    suite.makepyfile(SAMPLED.format(argument="false_alarm", allowed=1e-3, each=1e-6))
    result = suite.runpytest_subprocess()
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    assert told in result.stdout.str() + result.stderr.str()
    assert "INTERNALERROR" not in result.stdout.str() + result.stderr.str()


def test_small_devices(suite):
    suite.makepyfile(
        """
        import quantumlink as ql

        def test_a_pair(fake_device, quantumlink_seed):
            device = fake_device("generic", qubits=3)
            assert device.num_qubits == 3
            assert fake_device("generic", qubits=3) is device
            link = ql.ElementaryLink(ql.Node("a"), ql.Node("b"))
            prepared = ql.prepare(link, device)
            samples = ql.sample(link, shots=200, sampler=device, seed=quantumlink_seed)
            assert samples.fidelity().best > 0.5
        """
    )
    suite.runpytest_subprocess().assert_outcomes(passed=1)


def test_the_example_of_the_guide_passes(suite):
    text = GUIDE.read_text(encoding="utf-8")
    files = dict(re.findall(r"`(\w+\.py)`:\n\n```python\n(.*?)```", text, flags=re.DOTALL))
    assert files.keys() == {"parity_check.py", "test_parity_check.py"}
    for name, code in files.items():
        (suite.path / name).write_text(code, encoding="utf-8")
    suite.syspathinsert()
    result = suite.runpytest_subprocess("--strict-markers")
    result.assert_outcomes(passed=6)  # one of them three times


def test_the_grading_of_the_guide_grades():
    code = re.findall(r"```python\n(.*?)```", GUIDE.read_text(encoding="utf-8"), flags=re.DOTALL)[-1]
    assert "def graded" in code
    exec(compile(code, "testing_circuits.md, grading", "exec"), {})
