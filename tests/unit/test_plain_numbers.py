"""Numbers that users give as numpy's are kept as Python's own: they look, compare and are stored as any other."""

from dataclasses import fields, replace

import numpy as np
import pytest

import quantumlink as ql
from quantumlink import hardware, monitoring, network, qkd, security
from quantumlink.circuits import fuse_pairs_to_ghz
from quantumlink.distillation.reconciliation import Cascade
from quantumlink.execution.jobs import Limits, Patience
from quantumlink.hardware.processor import PerQubit
from quantumlink.hardware.source import HeraldedPair
from quantumlink.keys.delivery.etsi014 import Limits as DeliveryLimits
from quantumlink.keys.material import Provenance
from quantumlink.keys.migration.inventory import Inventory, System
from quantumlink.keys.relay.network_in_time import LinkFailure
from quantumlink.keys.relay.traffic import Consumer
from quantumlink.keys.store.contract import PoolPolicy
from quantumlink.keys.supply.links import QkdLink
from quantumlink.network.control import happenings, policies
from quantumlink.network.globe.weather import Weather
from quantumlink.network.load.arrivals import Periodic, Poisson
from quantumlink.network.planning.costs import Costs, Counts
from quantumlink.network.planning.equipment import Equipment
from quantumlink.network.planning.limits import Limits as PlanLimits
from quantumlink.network.planning.places import Fibre, Site
from quantumlink.program import Frame

A, B, HUB = (ql.Node(name) for name in ("a", "b", "hub"))
LINK = ql.ElementaryLink(A, B, ql.Fiber(1.0))
SHARED = ql.join(fuse_pairs_to_ghz(2), ql.ElementaryLink(A, HUB), ql.ElementaryLink(B, HUB))
LIGHT = {"wavelength_nm": 850.0, "receiver_diameter_m": 0.5, "beam_waist_m": 0.1}
FIBER = ql.Fiber(1.0)

EXAMPLES = [
    ql.Node("a", memories=2, qubits=2, communication=1),
    ql.Memory(t1_s=2.0, t2_s=1.0, retrieval=0.5),
    ql.Processor(0.1, 0.2, 0.1, 1.0, 1.0, 1.0, reset_error=0.1),
    PerQubit(0.1, 0.2),
    ql.Detector(),
    ql.Fiber(10.0),
    ql.FreeSpace(10.0, **LIGHT),
    ql.SatellitePass(500.0, **LIGHT),
    hardware.CircularOrbit(500.0, 50.0),
    hardware.MidpointSource(fidelity=0.9),
    hardware.NodeSource(fidelity=0.9),
    hardware.BarrettKok(),
    hardware.SinglePhotonHeralding(0.1),
    HeraldedPair(0.5, 1.0, (0.7, 0.1, 0.1, 0.1)),
    monitoring.BernoulliScore.between(0.02, 0.06),
    monitoring.CusumChart.design(0.02, 0.06, rounds_between_false_alarms=100.0),
    monitoring.SequentialTest(monitoring.BernoulliScore.between(0.02, 0.06), 20, 10),
    *(kind(what=("a", "b"), start_s=1.0, end_s=2.0) for kind in (happenings.Outage, happenings.Attack)),
    happenings.RandomFailures(1.0, 1.0),
    happenings.Watch(share=0.1, attack=0.2),
    policies.FirstComeFirstServed(),
    policies.ManyPaths(),
    policies.MaxWeight(),
    policies.ProportionalFairness(),
    policies.Reservation(),
    policies.TimeSlots(),
    network.Demand("a", "b", kind="pairs", priority=1),
    Weather(0.5),
    Periodic(1.0),
    Poisson(1.0),
    Counts(1, fibre_km=1.0),
    Costs(1.0),
    Equipment(),
    PlanLimits(paths=1, most_channels=10),
    Fibre("a", "b", 1.0),
    Site("a", position=(1.0, 2.0)),
    System(name="x", algorithms=()),
    Inventory((), 2026.0, 2030.0, 2035.0),
    LinkFailure(("a", "b"), 1.0),
    Consumer(source="a", target="b", wanted_bit_s=1.0),
    Provenance(link="a–b", protocol="bbm92", origin="system", epsilon=1e-10),
    PoolPolicy(),
    DeliveryLimits(),
    QkdLink(("a", "b"), LINK, (LINK,), 1.0),
    Limits(shots=1),
    Patience(),
    Frame((1,), (2, 3)),
    Cascade(),
    qkd.InterceptResend(0.5),
    qkd.PhaseCovariantCloner(0.5),
    qkd.UniversalCloner(),
    qkd.DetectorBlinding(),
    security.SinglePhotonBound(tested=100, qber=0.01, eps_sec=1e-9, eps_cor=1e-9),
    *(kind(rounds=1000, medium=FIBER) for kind in (qkd.BB84, qkd.B92, qkd.SARG04, qkd.SixState)),
    *(kind(rounds=1000, medium=FIBER) for kind in (qkd.DecoyBB84, qkd.OneDecoyBB84, qkd.WeakPulseBB84)),
    *(kind(rounds=1000, link=LINK) for kind in (qkd.BBM92, qkd.SixStatePairs, qkd.E91)),
    qkd.NetworkConference(rounds=1000, link=SHARED),
    qkd.Conference(rounds=1000, media=(FIBER, FIBER)),
    *(kind(rounds=1000, medium_a=FIBER) for kind in (qkd.MDI, qkd.DecoyMDI, qkd.TwinField)),
]
KINDS = {bool: np.bool_, int: np.int64, float: np.float64}


def numpys(value, scalar):
    """The same value as numpy has it; None if it is no number."""
    if type(value) in KINDS:
        return KINDS[type(value)](value) if scalar else np.array(value)
    if scalar and type(value) is tuple and value and set(map(type, value)) <= KINDS.keys():
        return tuple(numpys(each, scalar) for each in value)
    return None


def numbers(example):
    return [f.name for f in fields(example) if f.init and numpys(getattr(example, f.name), True) is not None]


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda example: type(example).__name__)
def test_a_number_of_numpy_is_kept_as_pythons(example):
    names = numbers(example)
    assert names
    for name in names:
        wanted = getattr(example, name)
        for scalar in (True, False):
            given = numpys(wanted, scalar)
            if given is None:
                continue
            try:
                kept = getattr(replace(example, **{name: given}), name)
            except TypeError:  # refused in its own words: a 0-d array, or no bool of Python's
                assert not scalar or type(wanted) is bool, name
                continue
            assert type(kept) is type(wanted), name
            assert repr(kept) == repr(wanted), name
