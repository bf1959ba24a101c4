"""A conference over a link of an operation without a name: the rule is told, and followed it is stored."""

import pytest

import quantumlink as ql
from quantumlink.circuits import multiway_swap
from quantumlink.parts import UnknownPart, register
from quantumlink.parts.registry import forget
from quantumlink.qkd.protocols.network_conference import NetworkConference


def test_an_operation_is_stored_once_it_has_a_name():
    hub, *ends = (ql.Node(name) for name in ("hub", "a", "b", "c"))
    arms = [ql.ElementaryLink(end, hub, fidelity=0.98) for end in ends]
    own = multiway_swap(3)
    own.z([0, 0])  # the same, but no longer what the library names
    session = NetworkConference(link=ql.join(own, *arms), rounds=1000, seed=1)
    with pytest.raises(UnknownPart, match=r'parts\.register\("a name", operation, kind="operation"\)'):
        session.to_dict()
    register("star of three", own, kind="operation")
    try:
        again = NetworkConference.from_dict(session.to_dict())
    finally:
        forget("operation", "star of three")
    assert again == session
    assert [len(party) for party in again.sift().parties] == [len(party) for party in session.sift().parties]
