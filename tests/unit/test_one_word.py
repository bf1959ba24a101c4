"""One word and one answer for one thing: what several results and several checks have in common."""

import pytest

import quantumlink as ql
from quantumlink import validation
from quantumlink.execution.preparation.probabilities import Probabilities
from quantumlink.execution.samples import Samples
from quantumlink.link import Attempts
from quantumlink.timing.attempts import rounds_of

CHECKS = {
    "number": validation.number,
    "probability": validation.probability,
    "tolerance": validation.tolerance,
    "positive": validation.positive,
    "lifetime": validation.lifetime,
    "count": validation.count,
}


@pytest.mark.parametrize("check", CHECKS)
@pytest.mark.parametrize("value", [True, "1", None, 1j])
def test_what_is_no_number_is_of_the_wrong_kind_everywhere(check, value):
    with pytest.raises(validation.WrongKind, match=r"x must be .*got"):
        CHECKS[check]("x", value)


def test_populations_too():
    for value in ("abcd", 1.0, [True, 0, 0, 0], ["1", 0, 0, 0]):
        with pytest.raises(validation.WrongKind, match="four probabilities"):
            validation.populations("x", value)


def test_the_probability_that_heralds_accept_has_one_name():
    pair = ql.ElementaryLink(ql.Node("a"), ql.Node("b"), fidelity=0.8)
    link = ql.purify(pair, pair)
    samples = ql.sample(link, shots=3000, seed=1)
    exact = ql.evaluate(link).success_probability
    assert samples.success_probability == samples.acceptance
    low, _, high = samples.success_probability
    assert low - 0.05 < exact < high + 0.05
    timed = ql.ElementaryLink(*pair.ends, fidelity=0.8, rate_hz=9)
    assert ql.forecast(ql.purify(timed, timed)).state.success_probability == pytest.approx(exact, rel=1e-12)


def test_attempts_at_once_by_multiplexing_and_by_places_are_the_same():
    ends = ql.Node("a"), ql.Node("b")
    tiny = {"success_probability": 1e-17, "attempt_time_s": 1.0}
    many = ql.ElementaryLink(*ends, **tiny, multiplexing=1000)
    one = ql.ElementaryLink(*ends, **tiny)
    assert many.attempts.success_probability == pytest.approx(1e-14, rel=1e-12)
    assert rounds_of(one, 1000).success_probability == many.attempts.success_probability
    assert rounds_of(many, 3).success_probability == pytest.approx(3e-14, rel=1e-12)
    assert Attempts(None, 6.0).at_once(3) == Attempts(None, 2.0)
    assert Attempts(1.0, 6.0).at_once(3) == Attempts(1.0, 6.0)


def test_counts_and_probabilities_refuse_the_same_in_the_same_words():
    counts = Samples(("a", "b"), {"ZZ": (5, 1, 1, 5)}, {"ZZ": 12})
    exact = Probabilities(("a", "b"), {"ZZ": (0.4, 0.1, 0.1, 0.4)})
    for ask in (
        lambda told: told.expectation("XQ"),
        lambda told: told.expectation("XX"),
        lambda told: told.qber("X"),
        lambda told: told.fidelity(),
    ):
        texts = []
        for told in (counts, exact):
            with pytest.raises(ValueError, match=r"two letters|the bases are ZZ") as refusal:
                ask(told)
            texts.append(str(refusal.value).removesuffix("; sample with it in bases"))
        assert (
            texts[0].replace("was not measured", "is not predicted").replace("not measured", "not predicted")
            == texts[1]
        )
    assert counts.expectation("ZZ") == pytest.approx(8 / 12)
    assert exact.expectation("ZZ") == pytest.approx(0.6)
    three = Probabilities(("a", "b", "c"), {"ZZZ": (1.0, *[0.0] * 7)})
    with pytest.raises(ValueError, match="no known stabilizer state"):
        three.fidelity()
    with pytest.raises(ValueError, match="a QBER is of two ends"):
        three.qber("Z")
