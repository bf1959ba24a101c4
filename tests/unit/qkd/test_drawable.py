"""What takes more memory or larger numbers than there are is refused before it begins."""

import pytest

from quantumlink import validation
from quantumlink.hardware import Detector, Fiber, Node
from quantumlink.link import ElementaryLink
from quantumlink.qkd import expected_key, twin_field
from quantumlink.qkd.protocols import (
    B92,
    BB84,
    BBM92,
    E91,
    MDI,
    SARG04,
    Conference,
    DecoyBB84,
    DecoyMDI,
    OneDecoyBB84,
    SecretSharing,
    SixState,
    SixStatePairs,
    TwinField,
    WeakPulseBB84,
    drawable,
)

LINK = ElementaryLink(Node("alice"), Node("bob"), fidelity=0.99)
ONE_WAY = {"medium": Fiber(5)}
STAR = {"media": [Fiber(1)] * 3}
SESSIONS = [
    *((kind, ONE_WAY) for kind in (BB84, SixState, B92, SARG04, DecoyBB84, OneDecoyBB84, WeakPulseBB84)),
    *((kind, {"link": LINK}) for kind in (BBM92, SixStatePairs, E91)),
    *((kind, {"medium_a": Fiber(5)}) for kind in (MDI, DecoyMDI, TwinField)),
    *((kind, STAR) for kind in (Conference, SecretSharing)),
]


@pytest.fixture(autouse=True)
def machine(monkeypatch):
    """A machine of 16 GB."""
    monkeypatch.setattr(drawable, "memory_bytes", lambda: 16 * 10**9)


@pytest.mark.parametrize("rounds", [10**12, 10**18, 10**19, 10**60])
@pytest.mark.parametrize(("kind", "over"), SESSIONS, ids=[kind.__name__ for kind, _ in SESSIONS])
def test_every_session_says_at_once_that_it_is_too_long(kind, over, rounds):
    with pytest.raises(ValueError, match=r"rounds must be at most .* to be drawn.*expected_key\(session\)"):
        kind(**over, rounds=rounds, seed=1).run()


def test_a_long_twin_field_says_how_many_would_do():
    with pytest.raises(ValueError, match=r"at most about 6e\+10 to be drawn on this machine, got 1e\+11: of these"):
        twin_field(Fiber(50), 10**11, seed=1)
    assert expected_key(TwinField(medium_a=Fiber(50), rounds=10**11, seed=1)).bits > 10**7


def test_a_machine_that_does_not_say_how_much_it_has_tries(monkeypatch):
    monkeypatch.setattr(drawable, "memory_bytes", lambda: None)
    drawable.check_detected(10**13, 10**12)


def test_the_memory_of_this_machine_is_some():
    found = drawable.memory_bytes()
    assert found is None or found > 10**8


@pytest.mark.parametrize(
    ("said", "allowed"), [("123456789\n", 123456789), ("max\n", None), (str(2**63 - 4096), None)]
)
def test_a_container_has_the_memory_that_it_is_allowed(said, allowed, tmp_path, monkeypatch):
    monkeypatch.setattr(validation, "CONTAINER_LIMITS", ())
    whole = validation.memory_bytes()
    (tmp_path / "memory.max").write_text(said)
    limits = (str(tmp_path / "missing"), str(tmp_path / "memory.max"))
    monkeypatch.setattr(validation, "CONTAINER_LIMITS", limits)
    assert validation.memory_bytes() == (allowed or whole)
    monkeypatch.delattr("os.sysconf")  # as on Windows
    assert validation.memory_bytes() == (int(said) if said.strip().isdigit() else None)


def test_many_rounds_of_which_few_are_detected_are_drawn_at_once():
    far = DecoyBB84(medium=Fiber(300), rounds=10**12, seed=1, detector=Detector(0.5, dead_time_s=1e-5))
    clicks = 0.5e-6 * (0.7 * 0.5 + 0.2 * 0.1)  # of a pulse; each blinds the 9,999 after it
    mean = 1e12 * clicks / (1 + 9_999 * clicks)
    assert abs(far.sift().accepted - mean) < 6 * mean**0.5
