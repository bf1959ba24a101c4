"""From three keys of QKD to a signed message: what is spent, what may fail, what is refused."""

from fractions import Fraction

import pytest
from typer.testing import CliRunner

from quantumlink.cli import app
from quantumlink.hardware import Detector, Fiber
from quantumlink.keys.signatures import Recipient, SignatureScheme, Signer
from quantumlink.keys.signing import SigningTerms, prepare_signing
from quantumlink.qkd import KeyTaken, NoSecretKey, bb84

MESSAGE = b"pay 10 to Bob"


def keys(rounds=100_000):
    return [bb84(Fiber(0), rounds, seed=seed, z_probability=0.9) for seed in (1, 2, 3)]


def test_what_was_signed_both_accept_and_no_other_message():
    made = keys()
    before = [key.left for key in made]
    ready = prepare_signing(*made, eps=1e-10, message_bytes=100)
    assert [b - key.left for b, key in zip(before, made, strict=True)] == [8 * n for n in ready.terms.spent_bytes]
    signature = ready.signer.sign(MESSAGE)
    assert ready.first.accepts(MESSAGE, signature)
    assert ready.second.accepts(MESSAGE, signature)
    again = prepare_signing(*made, eps=1e-10, message_bytes=100)
    signature = again.signer.sign(MESSAGE)
    assert not again.first.accepts(b"pay 99 to Bob", signature)
    assert not again.second.accepts(b"pay 99 to Bob", signature)


def test_all_that_may_fail_adds_up():
    scheme = SignatureScheme.for_tolerance(1e-10, message_bytes=1000)
    terms = SigningTerms(scheme=scheme, message_bytes=1000, key_epsilons=(1e-9, 2e-9, 4e-9))
    length = scheme.exchanged_bytes + len(b"first to second")
    blocks = -(-length // 16) + 2
    handed = 2 * Fraction(8 * blocks, 2**106)
    expected = Fraction(7e-9) + Fraction(scheme.forgery_probability(1000)) + handed
    expected += Fraction(scheme.repudiation_probability())
    assert terms.epsilon == pytest.approx(float(expected), rel=1e-12)
    assert terms.exchange_forgery == pytest.approx(float(handed), rel=1e-12)
    assert 7e-9 < terms.epsilon < 7.2e-9
    assert terms.lines()[-1][1] == f"{terms.epsilon:.3g}"
    ready = prepare_signing(*keys(), eps=1e-10, message_bytes=1000)
    assert ready.terms.key_epsilons == pytest.approx([2e-10] * 3, rel=0.1)


def test_a_key_that_is_too_short_is_refused_before_anything_is_taken():
    made = keys()
    made[2].take(made[2].left // 8 - 10)
    before = [key.left for key in made]
    with pytest.raises(KeyTaken, match="the key exchange must have"):
        prepare_signing(*made)
    assert [key.left for key in made] == before


def test_a_refused_key_and_what_is_no_key_are_refused():
    made = keys()
    refused = bb84(Fiber(0), 10_000, seed=1, detector=Detector(misalignment=0.2))
    with pytest.raises(NoSecretKey):
        prepare_signing(made[0], refused, made[2])
    with pytest.raises(TypeError, match="exchange must be a key of QKD"):
        prepare_signing(made[0], made[1], b"bytes")


def test_a_message_longer_than_agreed_is_neither_signed_nor_accepted():
    """Even one with right tags: those of a long message are guessed more easily than the forgery bound says."""
    made = keys()
    ready = prepare_signing(*made, message_bytes=len(MESSAGE))
    with pytest.raises(ValueError, match="message must hold at most 13 bytes, as agreed, got 14"):
        ready.signer.sign(MESSAGE + b"!")
    assert ready.first.accepts(MESSAGE, ready.signer.sign(MESSAGE))
    scheme, longer = ready.terms.scheme, MESSAGE + b"!"
    own = [bytes(key.take(scheme.key_bytes)) for key in keys()[:2]]
    for limit, accepted in ((len(longer), True), (len(MESSAGE), False)):
        ends = [Recipient(scheme, key, first=not i, message_bytes=limit) for i, key in enumerate(own)]
        halves = [end.hand_over() for end in ends]
        ends[0].take(halves[1])
        ends[1].take(halves[0])
        signature = Signer(scheme, *own).sign(longer)
        assert [end.accepts(longer, signature) for end in ends] == [accepted] * 2


def test_the_forgery_of_a_longer_message_would_break_the_tolerance():
    scheme = SignatureScheme.for_tolerance(1e-30, message_bytes=13)
    assert scheme.forgery_probability(13) + scheme.repudiation_probability() <= 1e-30
    # 53 tags to guess, one of which must be right, of 2**27 blocks each
    assert scheme.forgery_probability(2**31) == pytest.approx(53 * (2**27 + 1) / 2**128, rel=1e-9)
    assert scheme.forgery_probability(2**31) > 1e-30


@pytest.mark.parametrize("which", [(0, 0, 1), (0, 1, 0), (1, 0, 0)])
def test_a_key_in_two_roles_is_refused(which):
    made = keys()
    before = [key.left for key in made]
    with pytest.raises(ValueError, match="must be three keys"):
        prepare_signing(*(made[i] for i in which))
    assert [key.left for key in made] == before


def test_the_command_signs_a_file(tmp_path):
    file, made = tmp_path / "order.txt", tmp_path / "order.sig"
    file.write_bytes(MESSAGE)
    run = lambda *more: CliRunner().invoke(app, ["keys", "sign", str(file), "--km", "1", "--seed", "1", *more])
    found = run("--rounds", "150000", "--output", str(made))
    assert found.exit_code == 0, found.output
    assert "first recipient accepts, the second accepts" in found.output
    assert "not secret" in found.output
    assert made.stat().st_size == SignatureScheme.for_tolerance(1e-10, message_bytes=len(MESSAGE)).signature_bytes
    assert run("--rounds", "150000", "--output", str(made)).exit_code == 1  # never over an old file
    assert run("--rounds", "3000").exit_code == 3
