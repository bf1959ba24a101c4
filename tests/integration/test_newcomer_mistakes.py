"""What someone new gets wrong, and what is said about it: which argument, what it was, what is allowed."""

from math import nan

import pytest

import quantumlink as ql

A, R, B = ql.Node("alice"), ql.Node("relay"), ql.Node("bob")
LEFT = ql.ElementaryLink(A, R, ql.Fiber(25), fidelity=0.97)
RIGHT = ql.ElementaryLink(R, B, fidelity=0.95)
LINK = ql.swap(LEFT, RIGHT)
RULE = ("bell_diagonal", "four probabilities", "sum to 1")


def pair(**options):
    return ql.ElementaryLink(A, B, **options)


def some_samples():
    return ql.sample(LINK, ["ZZ"], shots=10, seed=1)


def refused_key():
    return ql.qkd.bbm92(pair(fidelity=0.7), rounds=2_000, seed=1)


# What is done, the error, and what its text holds: the argument, the value, what is allowed.
MISTAKES = {
    # an elementary link
    "fidelity in percent": (lambda: pair(fidelity=97), ValueError, ("fidelity", "[0.25, 1]", "got 97")),
    "fidelity above one": (lambda: pair(fidelity=1.2), ValueError, ("fidelity", "[0.25, 1]", "got 1.2")),
    "fidelity below random": (lambda: pair(fidelity=0.1), ValueError, ("fidelity", "[0.25, 1]", "got 0.1")),
    "fidelity nan": (lambda: pair(fidelity=nan), ValueError, ("fidelity", "[0.25, 1]", "nan")),
    "fidelity as text": (lambda: pair(fidelity="0.97"), TypeError, ("fidelity", "[0.25, 1]", "'0.97'")),
    "fidelity by position": (lambda: ql.ElementaryLink(A, B, 0.97), TypeError, ("medium", "Fiber", "None", "0.97")),
    "length by position": (lambda: ql.ElementaryLink(A, B, 25), TypeError, ("medium", "Fiber", "None", "25")),
    "names for nodes": (lambda: ql.ElementaryLink("alice", "bob"), TypeError, ("left", "Node", "'alice'")),
    "a link to itself": (lambda: ql.ElementaryLink(A, A), ValueError, ("two different nodes", "'alice'")),
    "both states": (
        lambda: pair(fidelity=0.97, bell_diagonal=(0.97, 0.01, 0.01, 0.01)),
        ValueError,
        ("fidelity or bell_diagonal, not both", "fidelity=0.97", "(0.97, 0.01, 0.01, 0.01)"),
    ),
    "populations in percent": (lambda: pair(bell_diagonal=(97, 1, 1, 1)), ValueError, (*RULE, "(97, 1, 1, 1)")),
    "three populations": (
        lambda: pair(bell_diagonal=(0.97, 0.01, 0.02)),
        ValueError,
        (*RULE, "(0.97, 0.01, 0.02)"),
    ),
    "populations that sum to more": (
        lambda: pair(bell_diagonal=(0.9, 0.1, 0.1, 0.1)),
        ValueError,
        (*RULE, "sum 1.2"),
    ),
    "one population": (lambda: pair(bell_diagonal=0.97), TypeError, (*RULE, "0.97")),
    "populations by name": (lambda: pair(bell_diagonal={"phi+": 1}), TypeError, (*RULE, "'phi+'")),
    "populations as text": (
        lambda: pair(bell_diagonal=("1", "0", "0", "0")),
        (TypeError, ValueError),
        (*RULE, "'1'"),
    ),
    "a density matrix": (lambda: pair(bell_diagonal=[[1, 0], [0, 0]]), (TypeError, ValueError), (*RULE, "[[1, 0]")),
    "a negative rate": (lambda: pair(rate_hz=-5), ValueError, ("rate_hz", "at least 0", "-5")),
    # hardware
    "a node without a name": (lambda: ql.Node(""), ValueError, ("name", "non-empty", "''")),
    "a node of blanks": (lambda: ql.Node("  "), ValueError, ("name", "non-empty", "'  '")),
    "a numbered node": (lambda: ql.Node(5), TypeError, ("name", "non-empty string", "5")),
    "a lifetime for a memory": (lambda: ql.Node("a", memory=1.0), TypeError, ("memory", "a Memory", "1.0")),
    "a processor as memory": (
        lambda: ql.Node("a", ql.Processor()),
        TypeError,
        ("memory", "a Memory", "Processor(", "(Processor)"),
    ),
    "T2 above 2·T1": (
        lambda: ql.Memory(t1_s=1, t2_s=3),
        ValueError,
        ("t2_s must not exceed 2·t1_s", "t2_s=3.0", "t1_s=1.0"),
    ),
    "a lifetime of zero": (lambda: ql.Memory(t1_s=0), ValueError, ("t1_s", "positive time in seconds", "got 0")),
    "a lifetime with its unit": (lambda: ql.Memory(t1_s="1 ms"), ValueError, ("t1_s", "in seconds", "'1 ms'")),
    "an error in percent": (
        lambda: ql.Processor(depolarizing_2q=2),
        ValueError,
        ("depolarizing_2q", "[0, 1]", "got 2"),
    ),
    "a readout row": (
        lambda: ql.Processor(readout_error=[0.99, 0.98]),
        ValueError,
        ("readout_error", "2x2 matrix", "rows sum to 1", "[0.99, 0.98]"),
    ),
    "columns for rows": (
        lambda: ql.Processor(readout_error=[[0.99, 0.02], [0.01, 0.98]]),
        ValueError,
        ("readout_error", "[true][read]", "rows sum to 1", "0.02"),
    ),
    "a negative length": (lambda: ql.Fiber(-5), ValueError, ("length_km", "at least 0", "-5")),
    "a length with its unit": (lambda: ql.Fiber("25 km"), TypeError, ("length_km", "finite number", "'25 km'")),
    # joining links
    "links in the wrong order": (lambda: ql.swap(RIGHT, LEFT), ValueError, ("do not meet", "'bob'", "'alice'")),
    "a list to swap": (lambda: ql.swap([LEFT, RIGHT], RIGHT), TypeError, ("left", "a link", "(list)")),
    "nodes to swap": (lambda: ql.swap(A, B), TypeError, ("left", "a link", "'alice'", "(Node)")),
    "there and back": (lambda: ql.swap(LEFT, LEFT.reversed()), ValueError, ("two different ends", "'alice'")),
    "one name for two nodes": (
        lambda: ql.swap(LEFT, ql.ElementaryLink(ql.Node("relay", ql.Memory(10, 1)), B)),
        ValueError,
        ("two different nodes are named 'relay'", "t1_s=10.0", "t1_s=inf"),
    ),
    "purify other nodes": (
        lambda: ql.purify(LEFT, RIGHT),
        ValueError,
        ("same nodes", "kept", "'alice'", "'relay'", "spent", "'bob'"),
    ),
    "purify the other way round": (
        lambda: ql.purify(LEFT, LEFT.reversed()),
        ValueError,
        ("same direction", "'alice' to 'relay'", "'relay' to 'alice'"),
    ),
    "a misspelt protocol": (
        lambda: ql.purify(LEFT, LEFT, protocol="dejmp"),
        ValueError,
        ("protocol", "dejmps, bbpssw", "'dejmp'", "did you mean 'dejmps'"),
    ),
    "a misspelt protocol in a chain": (
        lambda: ql.chain([LEFT, RIGHT], purify_rounds=1, protocol="bbpsw"),
        ValueError,
        ("protocol", "dejmps, bbpssw", "'bbpsw'", "did you mean 'bbpssw'"),
    ),
    "a chain of nothing": (lambda: ql.chain([]), ValueError, ("links", "at least one", "none")),
    "a chain of one link, without list": (lambda: ql.chain(LEFT), TypeError, ("links must", "ElementaryLink")),
    "a chain of nodes": (lambda: ql.chain([A, B]), TypeError, ("links", "'alice'", "(Node)")),
    "a chain in disorder": (lambda: ql.chain([RIGHT, LEFT]), ValueError, ("do not meet", "'bob'", "'alice'")),
    "an unknown order": (
        lambda: ql.chain([LEFT, RIGHT], order="balance"),
        ValueError,
        ("order", "balanced, sequential", "'balance'", "did you mean 'balanced'"),
    ),
    "half a round": (
        lambda: ql.chain([LEFT, RIGHT], purify_rounds=0.5),
        TypeError,
        ("purify_rounds", "whole number", "0 to 64", "0.5"),
    ),
    # readings
    "compose a node": (lambda: ql.compose(A), TypeError, ("link must be a link", "'alice'", "(Node)")),
    "compose a list": (lambda: ql.compose([LEFT, RIGHT]), TypeError, ("link must be a link", "(list)")),
    "unknown corrections": (
        lambda: ql.compose(LINK, corrections="frames"),
        ValueError,
        ("corrections", "sequential, feedforward, frame", "'frames'", "did you mean 'frame'"),
    ),
    "evaluate a node": (lambda: ql.evaluate(A), TypeError, ("link or a program", "'alice'", "(Node)")),
    "evaluate a circuit": (
        lambda: ql.evaluate(ql.compose(LINK).circuit),
        TypeError,
        ("link or a program", "Circuit"),
    ),
    "an unknown basis": (lambda: ql.evaluate(LINK).qber("Q"), ValueError, ("basis", "X, Y, Z", "'Q'")),
    "two letters for one": (lambda: ql.evaluate(LINK).qber("ZZ"), ValueError, ("basis", "X, Y, Z", "'ZZ'")),
    "one letter for two": (lambda: ql.evaluate(LINK).expectation("Z"), ValueError, ("pauli", "two letters", "'Z'")),
    "draw a list": (lambda: ql.draw([LEFT, RIGHT]), TypeError, ("link must be a link", "(list)")),
    "draw a program": (lambda: ql.draw(ql.compose(LINK)), TypeError, ("link must be a link", "Program")),
    # sampling
    "no shots": (lambda: ql.sample(LINK, shots=0), ValueError, ("shots", "at least 1", "got 0")),
    "a part of a shot": (lambda: ql.sample(LINK, shots=0.5), TypeError, ("shots", "whole number", "0.5")),
    "one-letter bases": (lambda: ql.sample(LINK, bases="Z", shots=10), ValueError, ("bases", "two-letter", "'Z'")),
    "small letters": (lambda: ql.sample(LINK, bases=["zz"], shots=10), ValueError, ("bases", "X, Y, Z", "'zz'")),
    "no bases": (lambda: ql.sample(LINK, bases=[], shots=10), ValueError, ("bases", "at least one", "[]")),
    "a basis twice": (
        lambda: ql.sample(LINK, bases=["ZZ", "ZZ"], shots=10),
        ValueError,
        ("bases", "each once", "ZZ"),
    ),
    "a sampler by name": (
        lambda: ql.sample(LINK, shots=10, sampler="aer"),
        TypeError,
        ("sampler", "BaseSamplerV2", "BackendV2", "None", "'aer'"),
    ),
    "unknown noise": (
        lambda: ql.sample(LINK, shots=10, noise="none"),
        ValueError,
        ("noise", "program, sampler", "'none'"),
    ),
    "a seed in words": (lambda: ql.sample(LINK, shots=10, seed="seven"), TypeError, ("seed must", "'seven'")),
    "a negative seed": (lambda: ql.sample(LINK, shots=10, seed=-1), ValueError, ("seed must", "-1")),
    "sample a node": (lambda: ql.sample(A, shots=10), TypeError, ("program", "a Program or a link", "'alice'")),
    "fidelity from one basis": (lambda: some_samples().fidelity(), ValueError, ("XX, YY", "not measured", "ZZ")),
    "error rate not measured": (
        lambda: some_samples().qber("X"),
        ValueError,
        ("XX", "not measured", "ZZ", "sample"),
    ),
    "an unknown basis of samples": (lambda: some_samples().qber("Q"), ValueError, ("basis", "X, Y, Z", "'Q'")),
    # networks
    "a node that is not there": (
        lambda: ql.Network([A, R, B], [LEFT, RIGHT]).route("alice", "bobby"),
        ValueError,
        ("target", "alice, relay, bob", "'bobby'", "did you mean 'bob'"),
    ),
    "a link whose node is missing": (
        lambda: ql.Network([A, B], [LEFT]),
        ValueError,
        ("alice–relay", "'relay'", "no node here"),
    ),
    "a network of one node, without list": (lambda: ql.Network(A, [LEFT]), TypeError, ("nodes must", "Node")),
    "no network file": (lambda: ql.Network.load("metro.tml"), FileNotFoundError, ("metro.tml",)),
    # keys
    "no rounds": (lambda: ql.qkd.bbm92(LINK, rounds=0), ValueError, ("rounds", "at least 1", "got 0")),
    "a part of a round": (lambda: ql.qkd.bbm92(LINK, rounds=1.5), TypeError, ("rounds", "whole number", "1.5")),
    "a probability in percent": (
        lambda: ql.qkd.bbm92(LINK, 1_000, z_probability=80),
        ValueError,
        ("z_probability", "[0, 1]", "got 80"),
    ),
    "only one basis": (
        lambda: ql.qkd.bbm92(LINK, 1_000, z_probability=1),
        ValueError,
        ("z_probability", "between 0 and 1", "got 1"),
    ),
    "reconciliation by name": (
        lambda: ql.qkd.bbm92(LINK, 1_000, reconciliation="cascade"),
        TypeError,
        ("reconciliation", "Cascade", "'cascade'"),
    ),
    "bits of a refused key": (
        lambda: refused_key().secret_bits,
        ql.qkd.NoSecretKey,
        ("no secret key", "error rates of 0.", "key basis (Z)", "test basis (X)"),
    ),
    "a key over a node": (lambda: ql.qkd.bbm92(A, 1_000), TypeError, ("a link or a program", "'alice'", "(Node)")),
    "an error rate in percent": (lambda: ql.qkd.bb84_rate(qber=5), ValueError, ("qber", "[0, 1]", "5")),
    "a count as float": (
        lambda: ql.qkd.finite_key_length(n=1e6, k=100, qber=0.01, leak=0, eps_sec=1e-10, eps_cor=1e-10),
        ValueError,
        ("n must be a whole number", "1000000.0"),
    ),
    "bits as text": (
        lambda: ql.qkd.toeplitz_hash("1011", seed="10110", length=2),
        ValueError,
        ("bits", "one-dimensional", "()"),
    ),
    # circuits
    "an unknown Bell state": (lambda: ql.circuits.bell_pair("phi"), ValueError, ("state", "phi+", "psi-", "'phi'")),
    "an unknown circuit": (
        lambda: ql.circuits.purification("dejmp"),
        ValueError,
        ("protocol", "dejmps", "'dejmp'"),
    ),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_the_text_says_what_and_why(mistake):
    make, kind, fragments = MISTAKES[mistake]
    with pytest.raises(kind) as caught:
        make()
    text = str(caught.value)
    for fragment in fragments:
        assert fragment in text
    assert "\n" not in text


@pytest.mark.parametrize(
    ("call", "keyword"),
    [
        (lambda: ql.ElementaryLink(A, B, fidelty=0.9), "fidelty"),
        (lambda: ql.Processor(depolarising_2q=0.1), "depolarising_2q"),
        (lambda: ql.Fiber(length=25), "length"),
        (lambda: ql.sample(LINK, shot=10), "shot"),
        (lambda: ql.qkd.bbm92(LINK, 100, seeds=1), "seeds"),
    ],
)
def test_misspelt_keywords_are_named(call, keyword):
    with pytest.raises(TypeError, match=f"'{keyword}'"):
        call()


@pytest.mark.parametrize(
    "change", [("fidelity", 0.9), ("left", B), ("name", "carol"), ("t1_s", 5), ("length_km", 1)]
)
def test_parts_do_not_change_afterwards(change):
    name, value = change
    part = next(p for p in (LEFT, A, A.memory, LEFT.medium) if hasattr(p, name))
    with pytest.raises(AttributeError):
        setattr(part, name, value)


def test_large_numbers_may_be_written_with_an_exponent():
    session = ql.qkd.BBM92(link=LINK, rounds=1e5, seed=1)
    assert type(session.rounds) is int
    assert session.rounds == 100_000
    assert ql.sample(LINK, shots=1e2, seed=1).shots["ZZ"] == 100
    assert ql.simulate(ql.ElementaryLink(A, B, ql.Fiber(1)), trials=1e1, seed=1).trials == 10
    for wrong in (True, float("inf"), float("nan"), 0.0, -1e6, "1e6"):
        with pytest.raises((TypeError, ValueError), match="rounds must be a whole number"):
            ql.qkd.BBM92(link=LINK, rounds=wrong)
