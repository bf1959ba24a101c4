"""Keys whose bound asks how many errors there were: of both bases, and of two intensities."""

from dataclasses import replace

import numpy as np
import pytest

from quantumlink.distillation.ends import AUTHENTICATION_BITS, Alice, Bob, SharedSecret
from quantumlink.distillation.transcript import Message
from quantumlink.hardware import Detector, Fiber, Node
from quantumlink.link import ElementaryLink
from quantumlink.qkd import BB84, BBM92, Ldpc, OneDecoyBB84, SixStatePairs, Tally
from quantumlink.rates import binary_entropy
from quantumlink.security import BothBasesBound, OneDecoyBound
from quantumlink.security.recipes import BothBases, OneDecoy

LINK = ElementaryLink(Node("alice"), Node("bob"), fidelity=0.97)
BOTH = {"link": LINK, "rounds": 30_000, "seed": 7, "z_probability": 0.5}


@pytest.fixture(scope="module")
def both():
    return BBM92(**BOTH, key_bases="both").run()


def test_both_bases_make_a_key_twice_as_long(both):
    one = BBM92(**BOTH).run()
    assert np.array_equal(both.secret_bits, both.peer_bits)
    assert len(both) > 2 * len(one) > 0
    assert sum(bits for _, bits in both.ledger) == len(both)
    assert "once for the key of each basis" in BBM92(**BOTH, key_bases="both").proof.reference


def test_the_key_of_both_bases_is_that_of_its_bound(both):
    """From the reported terms alone: each block's phase errors, leak, told errors, halves of the tolerances."""
    terms = both.terms
    assert terms.lengths == (terms.z.length, terms.x.length)
    assert len(both) == sum(terms.lengths) - AUTHENTICATION_BITS
    assert (both.eps_sec, both.eps_cor, terms.eps_sec, terms.eps_cor) == (1e-10,) * 4
    assert both.tag_bits == 35  # ⌈log₂(2/ε_cor)⌉: one tag for each block
    errors = [round(block.qber * block.k) for block in (terms.x, terms.z)]
    assert sum(errors) == both.corrected_errors
    bound = BothBasesBound(raw=(terms.z.n, terms.x.n), errors=tuple(errors), eps_sec=1e-10, eps_cor=1e-10)
    leaks = [block.leak - np.log2(block.n + 1) for block in (terms.z, terms.x)]
    assert sum(leaks) == pytest.approx(both.disclosed_bits)
    assert all(abs(leak - round(leak)) < 1e-6 for leak in leaks)
    assert bound.terms(leak=tuple(leaks)).length == terms.length


def test_both_bases_by_ldpc_and_prepared():
    key = BB84(medium=Fiber(0), rounds=30_000, seed=7, z_probability=0.5, key_bases="both", reconciliation=Ldpc(),
               detector=Detector(1.0, misalignment=0.02)).run()  # fmt: skip
    assert np.array_equal(key.secret_bits, key.peer_bits)
    assert len(key) > 5_000


def test_one_decoy_tells_errors_by_intensity():
    session = OneDecoyBB84(medium=Fiber(5), rounds=4_000_000, seed=7, detector=Detector(0.8, misalignment=0.01))
    key = session.run()
    assert np.array_equal(key.secret_bits, key.peer_bits)
    assert len(key) > 20_000
    assert "bits from vacuum" in key.report()


# --- the conversation


def ends_of(session):
    alice, bob = session.records()
    shared = np.random.default_rng(9).integers(0, 2, AUTHENTICATION_BITS)
    agreement = session.agreement()
    hers = Alice(alice, agreement=agreement, secret=SharedSecret(shared), seed=3)
    return hers, Bob(bob, agreement=agreement, secret=SharedSecret(shared))


def talk(alice, bob, meddle):
    line, listener = alice.open(), bob
    while line is not None:
        line = listener.receive(meddle(line))
        listener = alice if listener is bob else bob
    alice.hang_up()
    bob.hang_up()


def changed(**errors):
    """Somebody on the line who changes the numbers of errors that Bob tells."""

    def meddle(line):
        message = Message.decode(line)
        if message.kind != "counted":
            return line
        return replace(message, body={**message.body, **errors}).encode()

    return meddle


SESSIONS = {
    "both": lambda: BBM92(**BOTH | {"rounds": 12_000}, key_bases="both"),
    "one decoy": lambda: OneDecoyBB84(medium=Fiber(0), rounds=400_000, seed=7),
}


@pytest.mark.parametrize("name", SESSIONS)
@pytest.mark.parametrize(
    ("errors", "reason"),
    [
        ([0, 0, 0], "numbers of errors, expected"),
        ([10**9], "more errors than there are bits"),
        ([-1], "no numbers errors"),
        ("two", "no numbers errors"),
        ([True], "no numbers errors"),
    ],
)
def test_who_changes_what_bob_tells_ends_the_conversation(name, errors, reason):
    alice, bob = ends_of(SESSIONS[name]())
    as_many = errors * 2 if name == "one decoy" and len(errors) == 1 else errors
    talk(alice, bob, changed(errors=as_many))
    assert len(alice.key) == len(bob.key) == 0
    reasons = f"{alice.reason} {bob.reason}"
    assert reason in reasons


def test_a_number_that_is_possible_but_wrong_is_seen_by_the_tags():
    """Fewer errors than there were would lengthen the key; both ends must have heard the same."""
    alice, bob = ends_of(SESSIONS["both"]())
    talk(alice, bob, changed(errors=[3]))
    assert len(alice.key) == len(bob.key) == 0


# --- recipes


TALLY = Tally(rounds=10**6, detected=10**5, sampled=10, sample_errors=0, compared={}, raw={"Z": 1550, "X": 1500},
              corrected={"Z": 70, "X": 60})  # fmt: skip


def test_recipes_need_what_was_told():
    assert BothBases().bound(TALLY, eps_sec=1e-10, eps_cor=1e-10) == BothBasesBound(
        raw=(1550, 1500), errors=(70, 60), eps_sec=1e-10, eps_cor=1e-10
    )
    with pytest.raises(ValueError, match="how many errors Z and X had"):
        BothBases().bound(replace(TALLY, corrected=None), eps_sec=1e-10, eps_cor=1e-10)
    pulses = replace(
        TALLY,
        compared={"X signal": (500, 5), "X decoy": (100, 3)},
        raw={"signal": 5000, "decoy": 900},
        corrected={"signal": 40, "decoy": 30},
    )
    found = OneDecoy((0.5, 0.1), (0.7, 0.3)).bound(pulses, eps_sec=1e-10, eps_cor=1e-10)
    assert isinstance(found, OneDecoyBound)
    assert (found.key_counts, found.key_errors) == ((5000, 900), (40, 30))
    assert (found.test_counts, found.test_errors) == ((500, 100), (5, 3))


@pytest.mark.parametrize("corrected", [{"Z": 70}, {"Z": 1551, "X": 0}, {"Z": -1, "X": 0}])
def test_a_tally_refuses_impossible_errors(corrected):
    with pytest.raises(ValueError, match="corrected"):
        replace(TALLY, corrected=corrected)


def test_a_short_block_of_both_bases_gives_a_key_where_one_gives_none():
    """12 % of it would go to estimate what both keep: 1,500 bits a basis at 1 %."""
    leak = 1.1 * 1500 * binary_entropy(0.01)
    both = BothBasesBound(raw=(1500, 1500), errors=(15, 15), eps_sec=1e-10, eps_cor=1e-10).terms(leak=(leak, leak))
    assert both.length > 500


def test_key_bases_are_checked():
    with pytest.raises(ValueError, match="key_bases must be one of Z, both"):
        BB84(medium=Fiber(1), rounds=10, key_bases="X")
    with pytest.raises(ValueError, match="key_bases must be 'Z' for six states"):
        SixStatePairs(link=LINK, rounds=10, key_bases="both")
