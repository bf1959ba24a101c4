"""Numbers at the doors of every public class: numpy's are kept as Python's own, what is no number is refused."""

import importlib
import pkgutil
from dataclasses import fields, is_dataclass, replace
from inspect import isabstract, isclass
from math import inf, nan
from pathlib import Path

import numpy as np
import pytest
import quantumlink_circuits
from qiskit.circuit import Parameter, QuantumCircuit

import quantumlink
import quantumlink as ql
from quantumlink import hardware, monitoring, network, qkd, security
from quantumlink.circuits import RandomSetting, fuse_pairs_to_ghz
from quantumlink.codes import BpOsd
from quantumlink.distillation.agreement import Agreement
from quantumlink.distillation.group.conference import ConferenceAgreement
from quantumlink.distillation.group.sharing import SharingAgreement
from quantumlink.distillation.reconciliation import Cascade, Ldpc
from quantumlink.distillation.sifting import BasisSifting, ConclusiveSifting, StateSifting
from quantumlink.distillation.twin_sifting import TwinSifting
from quantumlink.distributed.placement import SearchedPlacement
from quantumlink.execution.jobs import Limits, Patience
from quantumlink.hardware.processor import PerQubit
from quantumlink.hardware.raman import ClassicalSignal
from quantumlink.hardware.source import HeraldedPair
from quantumlink.keys.delivery.etsi014 import KeyRequest
from quantumlink.keys.delivery.etsi014 import Limits as DeliveryLimits
from quantumlink.keys.delivery.registry import Application, Peer, PushingDevice
from quantumlink.keys.material import Block, Position, Provenance, Secret
from quantumlink.keys.migration.algorithms import algorithm
from quantumlink.keys.migration.inventory import Inventory, System
from quantumlink.keys.protection.records import RecordSealer
from quantumlink.keys.relay.network_in_time import LinkFailure
from quantumlink.keys.relay.traffic import Consumer
from quantumlink.keys.signatures import SignatureScheme
from quantumlink.keys.store.contract import PoolPolicy
from quantumlink.keys.supply.device_files import DeviceFiles
from quantumlink.keys.supply.links import QkdLink
from quantumlink.keys.supply.live_ends import LiveLink
from quantumlink.keys.supply.push import KeyStreams
from quantumlink.network.control import happenings, policies
from quantumlink.network.globe.keys import Proof
from quantumlink.network.globe.overpasses import Overpass, Window
from quantumlink.network.globe.weather import Weather
from quantumlink.network.load.arrivals import Periodic, Poisson
from quantumlink.network.planning.costs import Costs, Counts
from quantumlink.network.planning.equipment import Equipment
from quantumlink.network.planning.limits import Limits as PlanLimits
from quantumlink.network.planning.places import Fibre, Site
from quantumlink.network.routing import Plan
from quantumlink.program import Frame
from quantumlink.qkd.timetags.tags import TimeTags
from quantumlink.security import recipes
from quantumlink.security.contract import Tally
from quantumlink.security.entropy_accumulation import Tradeoff, Trial

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

EPS = {"eps_sec": 1e-9, "eps_cor": 1e-9}
FALLING, THIRDS = (0.5, 0.2, 0.0), (0.3, 0.3, 0.4)
TRIPLE = (1000, 200, 100)
OPTICS = hardware.Optics(**LIGHT)
EXAMPLES += [
    BpOsd(),
    Peer(id="b", url="https://b", uri="urn:b"),
    BasisSifting(
        alice={"Z": 0.5, "X": 0.5}, bob={"Z": 0.5, "X": 0.5}, key=[("Z", "Z")], compare={"X": [("X", "X")]}
    ),
    Agreement(protocol="bb84", rounds=1000),
    ConferenceAgreement(protocol="conference", rounds=1000, z_probability=0.9, parties=3),
    SharingAgreement(protocol="secret-sharing", rounds=1000, z_probability=0.9),
    Ldpc(),
    ConclusiveSifting(fraction=0.5),
    StateSifting(fraction=0.5),
    TwinSifting(),
    hardware.ContinuousSource(pair_rate_hz=1e5),
    OPTICS,
    hardware.DecoyDownlink(OPTICS, ql.Detector()),
    hardware.PairDownlink(OPTICS, ql.Detector()),
    hardware.DualDownlink(
        ql.SatellitePass(500.0, **LIGHT), ql.SatellitePass(500.0, **LIGHT), station_distance_km=900.0
    ),
    hardware.Environment((0.0, 1.0)),
    hardware.Conditions(0.0, 20.0, 0.0, 1e-6, 0.9),
    hardware.InterSatelliteLink(distance_km=1000.0, **LIGHT),
    hardware.MidpointBellMeasurement(),
    hardware.TimeBinMeasurement(),
    ClassicalSignal(1.0, 1310.0),
    Application(id="a", kme="k", requests_per_s=2.0),
    PushingDevice(uri="urn:a", pool="p", link="a–b", protocol="bb84", epsilon=1e-9),
    KeyRequest(number=1, size=256),
    DeviceFiles(Path(), "a–b", "bb84", epsilon=1e-9),
    KeyStreams(print, epsilon=1e-9),
    Block("a", 0, Secret(b"x"), Provenance(link="a–b", protocol="bbm92", origin="system")),
    Position("chunk", 0, 8),
    SignatureScheme(100, 5),
    LiveLink(name="a–b", link=LINK, seed=1),
    algorithm("AES-128"),
    happenings.Outage("a"),
    Plan(),
    SearchedPlacement(True),
    Proof(1e-9, 1e-9, 1.1),
    Overpass("satellite", "station", 0.0, 1.0, 2.0, 45.0, 600.0),
    Window("satellite", ("a", "b"), 0.0, 1.0),
    qkd.ManInTheMiddle("flip", seed=1),
    qkd.EntanglingProbe(),
    qkd.MemoryAttack(),
    qkd.PhotonNumberSplitting(),
    qkd.SecretSharing(rounds=1000, media=(FIBER,) * 3),
    TimeTags(np.array([1, 2]), np.array([0, 1])),
    RandomSetting((Parameter("angle"),), ((0.0,), (1.0,)), (0.5, 0.5)),
    recipes.RelayDecoys((0.5, 0.5), FALLING, FALLING, THIRDS, 0.9),
    recipes.TwinFields(0.3, 0.5, 0.5, FALLING, THIRDS, 8),
    recipes.TwoStates(),
    recipes.WeakPulses(0.1, 0.9),
    recipes.AccumulatedThreeBases(0.05, 0.9, 0.1, 0.3),
    recipes.AccumulatedBellTest((("ZZ", 1), ("ZX", 1), ("XZ", 1), ("XX", -1)), 2.5, 0.5, 0.1, 0.2, 0.3),
    Tally(
        rounds=1000, detected=900, sampled=100, sample_errors=1, compared={"X": (10, 1)}, raw={"Z": 400}
    ),
    security.BothBasesBound(raw=(1000, 1000), errors=(10, 10), **EPS),
    security.DeviceIndependentBound(tested=1000, chsh=2.7, **EPS),
    security.SixStateBound(tested=dict.fromkeys("XYZ", 100), errors=dict.fromkeys("XYZ", 1), **EPS),
    security.DecoyBound(
        intensities=FALLING, probabilities=THIRDS, key_counts=TRIPLE, test_counts=TRIPLE, test_errors=(9, 8, 7),
        **EPS,
    ),
    security.OneDecoyBound(
        intensities=(0.5, 0.1), probabilities=(0.6, 0.4), key_counts=(1000, 200), test_counts=(1000, 200),
        test_errors=(9, 8), **EPS,
    ),
    security.RelayDecoyBound(
        signals=(0.5, 0.5), intensities=FALLING, intensities_b=FALLING, probabilities=THIRDS, z_probability=0.9,
        key_count=1000, sampled=10, test_counts=(TRIPLE,) * 3, test_errors=((1, 1, 1),) * 3, **EPS,
    ),
    security.TwinFieldBound(
        rounds=10**6, signal=0.03, sending=0.3, z_probability=0.5, intensities=FALLING, probabilities=THIRDS,
        window=8, key_count=1000, sampled=10, single_counts=TRIPLE, tested=100, errors=1, **EPS,
    ),
    security.AccumulationBound(
        rounds=1000, tradeoff=Tradeoff(base=0.75, tests=(Trial(probability=0.5, slope=0.001),)), tolerated=(0.01,),
        seen=((100, 1),), comparable=0.5, compared=100, leak_limit=100.0, **EPS,
    ),
    security.SharingBound(tested=(100, 100), errors=(1, 1), population=(1000, 1000), **EPS),
    security.BoundTerms(n=100, entropy_bits=90.0, leak=20.0, epsilon_bits=60.0, **EPS),
    security.TwoStateBound(rounds=1000, detected=900, conclusive=200, tested=100, errors=1, **EPS),
    security.WeakPulseBound(intensity=0.1, rounds=10**5, z_probability=0.9, tested=1000, errors=10, **EPS),
]  # fmt: skip
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


NO_NUMBERS = {
    bool: (0.5, "yes", nan),
    int: (True, 1.5, nan, inf, -inf, "1", 1j),
    float: (True, nan, -inf, "1", 1j),
}


def bad(value):
    """Values like this one that are no number, or not of its kind."""
    if type(value) in NO_NUMBERS:
        return NO_NUMBERS[type(value)]
    if type(value) is tuple and value and type(value[0]) in NO_NUMBERS:
        return tuple((each, *value[1:]) for each in NO_NUMBERS[type(value[0])])
    return ()


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda example: type(example).__name__)
def test_what_is_no_number_is_refused(example):
    for field in fields(example):
        for given in bad(getattr(example, field.name)) if field.init else ():
            with pytest.raises((TypeError, ValueError)):
                pytest.fail(f"{field.name} took {given!r}: {replace(example, **{field.name: given})!r}")


# --- every class has its example, or a reason to have none

MADE_BY_US = {
    "distillation.group.key:ConferenceKey",
    "distillation.group.key:SharedKey",
    "distillation.key:Key",
    "distillation.reconciliation.outcome:Reconciliation",
    "distributed.distribution:Distribution",
    "distributed.proof:Proof",
    "encoding.choice:Option",
    "encoding.patches:Patch",
    "encoding.thresholds:ThresholdScan",
    "exact.size:Size",
    "execution.engine:Setting",
    "execution.jobs.choosing:Candidate",
    "execution.jobs.timing:Timing",
    "execution.mitigation.accounting:PostSelection",
    "execution.mitigation.calibration:Calibration",
    "execution.mitigation.calibration:ReadoutErrors",
    "execution.mitigation.cancellation:Cancelled",
    "execution.mitigation.folding:ZeroNoise",
    "execution.preparation.compilation:Compiled",
    "execution.preparation.cost:Cost",
    "execution.preparation.prepared:Prepared",
    "execution.preparation.probabilities:Probabilities",
    "execution.preparation.recipe:Recipe",
    "execution.preparation.slicing:VirtualProcessor",
    "execution.samples:Samples",
    "execution.several_devices.combining:AcrossDevices",
    "execution.several_devices.parts:DevicePart",
    "execution.several_devices.parts:RowMeans",
    "hardware.continuous_source:Coincidences",
    "keys.delivery.registry:Certified",
    "keys.ledger:Ledger",
    "keys.migration.assessment:Finding",
    "keys.migration.resources:Estimate",
    "keys.relay.network_in_time:RelayHistory",
    "keys.relay.traffic:TrafficPlan",
    "keys.store.contract:PoolLevel",
    "keys.supply.session_blocks:SessionResult",
    "link.elementary:Attempts",
    "monitoring.change:ChangeEstimate",
    "monitoring.monitor:Alarm",
    "network.control.policies:Load",
    "network.control.result:Performance",
    "network.globe.keys:KeyBlock",
    "network.globe.keys:SatelliteKeys",
    "network.globe.overpasses:Overpasses",
    "network.globe.serving:Served",
    "network.load.capacities:Capacity",
    "network.load.capacities:Cut",
    "network.load.capacities:Share",
    "network.load.capacities:Supply",
    "network.load.failures:Failure",
    "network.load.failures:Resilience",
    "network.planning.fronts:FrontPoint",
    "network.planning.generations:GenerationMap",
    "network.planning.generations:RepeaterLine",
    "network.planning.plan:NetworkPlan",
    "network.planning.plan:PlannedLink",
    "network.planning.plan:PlannedPath",
    "network.planning.rollout:Year",
    "network.route:Multipath",
    "network.route:Route",
    "network.strategy:Strategy",
    "qkd.eavesdropping.information:EveInformation",
    "qkd.expectation:ExpectedKey",
    "qkd.protocols.sifted:Sifted",
    "qkd.timetags.clocks:ClockAlignment",
    "qkd.timetags.coincidences:FoundCoincidences",
    "qkd.timetags.receiver:Detections",
    "qkd.timetags.simulated:SimulatedTags",
    "qkd.watching:WatchedBlock",
    "readings.forecasting.result:Forecast",
    "readings.state:PairState",
    "readings.states:PairStates",
    "readings.timeline.budget:FidelityBudget",
    "readings.timeline.budget:TimeBudget",
    "readings.timeline.result:Timeline",
    "readings.wiring:WiredProgram",
    "rewrites.framing:FramedCircuit",
    "rewrites.qubit_reuse:LeanCircuit",
    "security.decoy:DecoyEstimate",
    "security.numerical_proof:NumericalRate",
}
"""What functions return: their numbers were checked where they came in."""

OTHERWISE = {
    "link.elementary:ElementaryLink": "its constructor is a function of its own, tested below",
    "network.control.policies:Policy": "its kinds are here",
    "program:Program": "its numbers are places in its circuit, tested below",
    "qkd.timetags.receiver:Receiver": "it holds numbers of channels only, tested with time tags",
    "keys.protection.records:RecordSealer": "it holds a key, tested below",
    **dict.fromkeys(
        ("link.tree:Link", "link.joins:Join", "link.joins:Swap", "link.joins:Purify", "link.encoded:Encoded"),
        "join, swap, purify and encode make it, and count its pairs",
    ),
}
"""Other reasons."""


def classes():
    """Every dataclass that a package gives its users, with fields of numbers, by module and name."""
    found = {}
    for root in (quantumlink, quantumlink_circuits):
        names = [root.__name__, *(i.name for i in pkgutil.walk_packages(root.__path__, f"{root.__name__}."))]
        for package in map(importlib.import_module, names):
            if not hasattr(package, "__path__"):
                continue
            for name in {*vars(package), *getattr(package, "__all__", ())}:
                cls = getattr(package, name)
                if name.startswith("_") or not isclass(cls) or not is_dataclass(cls) or isabstract(cls):
                    continue
                told = [str(f.type) for f in fields(cls) if f.init]
                if any(kind in text for text in told for kind in ("float", "int", "bool")):
                    found[f"{cls.__module__.removeprefix('quantumlink.')}:{cls.__name__}"] = cls
    return found


def test_every_class_with_numbers_has_an_example_here():
    found = classes()
    excused = MADE_BY_US | OTHERWISE.keys()
    have = {type(example) for example in EXAMPLES}
    missing = {name for name, cls in found.items() if cls not in have}
    assert missing <= excused, missing - excused
    assert excused <= missing, excused - missing
    assert len(found) > 200


@pytest.mark.parametrize(
    "name",
    [
        "fidelity",
        "rate_hz",
        "success_probability",
        "attempt_time_s",
        "classical_delay_s",
        "heralded_s",
        "multiplexing",
    ],
)
@pytest.mark.parametrize("given", [True, nan, -inf, "1", 1j, -1.0, np.array(1.0)])
def test_a_link_takes_no_other_numbers(name, given):
    beside = {"success_probability": 0.5, "attempt_time_s": 1e-3}
    if name == "rate_hz":
        beside = {}
    with pytest.raises((TypeError, ValueError)):
        ql.ElementaryLink(A, B, **beside | {name: given})


@pytest.mark.parametrize(
    ("name", "given"),
    [
        ("ends", {"a": 2, "b": 1}),
        ("ends", {"a": True, "b": 0}),
        ("ends", {"a": -1, "b": 0}),
        ("heralds", ((1,),)),
        ("heralds", ((0.0,),)),
        ("odd_heralds", ((True,),)),
        ("odd_heralds", ((-1,),)),
    ],
)
def test_a_program_names_places_of_its_circuit(name, given):
    told = {"ends": {"a": 0, "b": 1}} | {name: given}
    with pytest.raises(ValueError, match=f"{name} must"):
        ql.Program(QuantumCircuit(2, 1), nodes=(A, B), **told)
    assert ql.Program(QuantumCircuit(2, 1), {"a": 0, "b": 1}, (A, B), heralds=((0,),)).herald_bits == {0}


@pytest.mark.parametrize(
    ("rows", "probabilities", "text"),
    [
        (((0.0,), (nan,)), None, "finite numbers"),
        (((0.0,), (1.0, 2.0)), None, "one for each parameter"),
        (((0.0, 1.0),), None, "one for each parameter"),
        ((), None, "at least one row"),
        ((("0",),), None, "one for each parameter"),
        (((0.0,), (1.0,)), (0.5, 0.4), "sum to 1"),
        (((0.0,), (1.0,)), (1.5, -0.5), r"in \[0, 1\]"),
        (((0.0,), (1.0,)), (1.0,), "one for each row"),
        (((0.0,), (1.0,)), (0.5, nan), r"in \[0, 1\]"),
    ],
)
def test_what_is_drawn_at_random_has_numbers_for_its_parameters(rows, probabilities, text):
    with pytest.raises((TypeError, ValueError), match=text):
        RandomSetting((Parameter("angle"),), rows, probabilities)


@pytest.mark.parametrize("given", [{"rekey_records": 0}, {"rekey_records": True}, {"rekey_s": nan}])
def test_a_sealer_of_records_counts_them(given):
    with pytest.raises(ValueError, match=f"{next(iter(given))} must"):
        RecordSealer(None, "a", "b", **given)


def test_a_failed_link_is_repaired_after_it_fails():
    with pytest.raises(ValueError, match="end_s must be after start_s=2"):
        LinkFailure(("a", "b"), 2.0, 1.0)


def test_years_of_an_inventory_rise():
    with pytest.raises(ValueError, match="must rise, got 2026, 2040 and 2035"):
        Inventory((), 2026.0, 2040.0, 2035.0)
