"""The registry: every part of the library has its name and comes back from its data; so does what is registered."""

import copy
import importlib
import inspect
import json
import pickle
import pkgutil
import re
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, fields, is_dataclass, replace
from decimal import Decimal
from fractions import Fraction
from itertools import pairwise, product
from types import SimpleNamespace
from typing import Literal, get_args, get_origin, get_type_hints

import numpy as np
import pytest
from qiskit.circuit import QuantumCircuit
from quantumlink_circuits.encoding import StabilizerCode
from typer.testing import CliRunner

import quantumlink
import quantumlink as ql
from quantumlink import circuits
from quantumlink.circuits import (
    Code,
    Operation,
    code_names,
    dejmps,
    entanglement_swap,
    fuse_pairs_to_ghz,
    operation_names,
)
from quantumlink.cli import app
from quantumlink.codes import Lookup
from quantumlink.distillation.reconciliation import Cascade, Ldpc
from quantumlink.execution.engines import AerEngine, CliffordEngine, ExactEngine
from quantumlink.execution.jobs import resume
from quantumlink.hardware import (
    Arms,
    BarrettKok,
    CircularOrbit,
    ClassicalSignal,
    Conditions,
    ContinuousSource,
    DecoyDownlink,
    DualDownlink,
    Environment,
    HeraldedPair,
    InterSatelliteLink,
    Medium,
    MidpointBellMeasurement,
    MidpointSource,
    NodeSource,
    Optics,
    PairDownlink,
    SatellitePass,
    SinglePhotonHeralding,
    Source,
    TimeBinMeasurement,
    TleOrbit,
)
from quantumlink.hardware.processor import PerQubit
from quantumlink.hardware.source import TurnedSource
from quantumlink.network import (
    FirstComeFirstServed,
    ManyPaths,
    MaxWeight,
    ProportionalFairness,
    Reservation,
    TimeSlots,
)
from quantumlink.parts import (
    KINDS,
    UnknownPart,
    forget,
    from_data,
    load_entry_points,
    named_part,
    part_of,
    parts_of,
    register,
    to_data,
)
from quantumlink.parts.library import LIBRARY
from quantumlink.qkd import protocols
from quantumlink.qkd.eavesdropping import Eavesdropper
from quantumlink.qkd.protocols import BB84, BBM92, Session
from quantumlink.security.recipes import (
    AccumulatedBellTest,
    AccumulatedThreeBases,
    BellTest,
    BothBases,
    Decoys,
    OneDecoy,
    RelayDecoys,
    Sharing,
    ThreeBases,
    TwinFields,
    TwoBases,
    TwoStates,
    WeakPulses,
)
from quantumlink.sweeps import sweep

BEAM = {"wavelength_nm": 810.0, "receiver_diameter_m": 1.2, "divergence_rad": 1e-5, "divergence_angle": "full"}
PASS = SatellitePass(500, max_elevation_deg=40, **BEAM)
A, R, B = ql.Node("a"), ql.Node("r", memory=ql.Memory(t1_s=2)), ql.Node("b")
HOP = ql.ElementaryLink(A, B, ql.Fiber(3), source=MidpointSource(fidelity=0.98))
FIBER = {"medium": ql.Fiber(1), "rounds": 10, "seed": 1}

TELESCOPES = Optics(wavelength_nm=850, receiver_diameter_m=1.0, beam_waist_m=0.15, zenith_loss_db=3.0)

PARTS = {
    "medium": {
        "fiber": ql.Fiber(20, traffic=(ClassicalSignal(1.0, 1540),)),
        "free_space": ql.FreeSpace(3, elevation_deg=20, **BEAM),
        "satellite": PASS,
        "dual_downlink": DualDownlink(PASS, PASS, station_distance_km=1203),
        "inter_satellite": InterSatelliteLink(1000, altitude_km=600, other_altitude_km=700, **BEAM),
        "arms": Arms(ql.Fiber(3), ql.Fiber(4)),
    },
    "source": {
        "midpoint": MidpointSource(fidelity=0.98, clock_hz=1e6),
        "node": NodeSource("right", kept_efficiency=0.5),
        "continuous": ContinuousSource(pair_rate_hz=1e6, fidelity=0.98, correlation_time_s=2e-10),
        "bell_measurement": MidpointBellMeasurement(visibility=0.9),
        "time_bin": TimeBinMeasurement(phase_jitter_rad=0.1),
        "single_photon": SinglePhotonHeralding(0.05, phase_rad=0.3),
        "barrett_kok": BarrettKok(visibility=0.9),
        "turned": TurnedSource(NodeSource("right", kept_efficiency=0.5)),
    },
    "detector": {"detector": ql.Detector(0.9, dark_count_rate_hz=3.0)},
    "memory": {"memory": ql.Memory(t1_s=3.0, gaussian_s=2.0)},
    "processor": {"processor": ql.Processor(1e-3, readout_error={0: 0.01, 1: [[0.9, 0.1], [0.2, 0.8]]})},
    "detail": {
        "classical_signal": ClassicalSignal(0.5, 1310, "backward"),
        "per_qubit": PerQubit(0.01, ((0.9, 0.1), (0.2, 0.8))),
        "optics": TELESCOPES,
    },
    "orbit": {
        "circular": CircularOrbit(500, 97.4, node_deg=10.0, epoch="2026-03-20T00:00:00Z", precession=False),
        "tle": TleOrbit(
            "1 25544U 98067A   08264.51782528 -.00002182  00000-0 -11606-4 0  2927",
            "2 25544  51.6416 247.4627 0006703 130.5360 325.0288 15.72125391563537",
        ),
    },
    "downlink": {
        "decoy_downlink": DecoyDownlink(TELESCOPES, ql.Detector(0.5), intensities=(0.5, 0.1, 0.01), by_day=True),
        "pair_downlink": PairDownlink(TELESCOPES, ql.Detector(0.5), source=MidpointSource(clock_hz=1e7)),
    },
    "node": {"node": R},
    "environment": {
        "environment": Environment([0, 12], temperature_c=[5, 25]),
        "conditions": Conditions(1.0, 20.0, 0.0, 0.0, 1.0),
    },
    "eavesdropper": {
        "intercept-resend": ql.qkd.InterceptResend(0.2, basis="breidbart"),
        "entangling-probe": ql.qkd.EntanglingProbe(0.5, strength=1.0),
        "phase-covariant-cloner": ql.qkd.PhaseCovariantCloner(disturbance=0.05),
        "universal-cloner": ql.qkd.UniversalCloner(0.3),
        "photon-number-splitting": ql.qkd.PhotonNumberSplitting(0.4, blocked=1.0),
        "detector-blinding": ql.qkd.DetectorBlinding(0.1),
        "memory": ql.qkd.MemoryAttack(0.5, wait_s=1e-3, memory=ql.Memory(t1_s=1.0)),
    },
    "protocol": {
        "bb84": BB84(**FIBER, eavesdropper=ql.qkd.InterceptResend(0.2)),
        "six-state": protocols.SixState(**FIBER),
        "b92": protocols.B92(**FIBER, angle=1.0),
        "sarg04": protocols.SARG04(**FIBER),
        "decoy-bb84": protocols.DecoyBB84(**FIBER),
        "one-decoy-bb84": protocols.OneDecoyBB84(**FIBER, intensities=(0.4, 0.1)),
        "weak-pulse-bb84": protocols.WeakPulseBB84(**FIBER, intensities=(0.2,)),
        "bbm92": BBM92(link=ql.purify(HOP, HOP), rounds=10, seed=1),
        "six-state-pairs": protocols.SixStatePairs(link=HOP, rounds=10, seed=1),
        "e91": protocols.E91(link=HOP, rounds=10, seed=1),
        "mdi": protocols.MDI(medium_a=ql.Fiber(1), rounds=10, seed=1),
        "decoy-mdi": protocols.DecoyMDI(medium_a=ql.Fiber(1), rounds=10, seed=1, intensities_b=(0.4, 0.1, 0.0)),
        "twin-field": protocols.TwinField(medium_a=ql.Fiber(1), rounds=10, seed=1, phase_window=2),
        "conference": protocols.Conference(media=[ql.Fiber(1)] * 3, rounds=10, seed=1),
        "secret-sharing": protocols.SecretSharing(media=[ql.Fiber(1)] * 3, rounds=10, seed=1),
        "network-conference": protocols.NetworkConference(link=HOP, rounds=10, seed=1),
    },
    "reconciliation": {"cascade": Cascade(), "ldpc": Ldpc()},
    "bound": {
        "two_bases": TwoBases(),
        "three_bases": ThreeBases(),
        "both_bases": BothBases(),
        "one_decoy": OneDecoy((0.5, 0.1), (0.7, 0.3)),
        "weak_pulses": WeakPulses(0.1, 0.8),
        "relay_decoys": RelayDecoys((0.5, 0.5), (0.5, 0.1, 0.0), (0.5, 0.1, 0.0), (0.3, 0.5, 0.2), 0.5),
        "sharing": Sharing(),
        "twin_fields": TwinFields(0.4, 0.05, 0.9, (0.3, 0.05, 0.0), (0.1, 0.6, 0.3), 3),
        "decoys": Decoys((0.5, 0.1, 0.0), (0.7, 0.2, 0.1)),
        "two_states": TwoStates(1.0),
        "bell_test": BellTest((("00", 1), ("11", -1))),
        "accumulated_three_bases": AccumulatedThreeBases(0.06, 0.8, 0.05, 0.6),
        "accumulated_bell_test": AccumulatedBellTest((("00", 1), ("11", -1)), 2.6, 0.3, 0.1, 0.2, 0.3),
    },
    "policy": {
        "first-come-first-served": FirstComeFirstServed(recovery=3),
        "max-weight": MaxWeight(paths=2),
        "proportional-fairness": ProportionalFairness(),
        "many-paths": ManyPaths(paths=4),
        "reservation": Reservation(setup=False),
        "time-slots": TimeSlots(turn_s=0.5),
    },
    "engine": {
        "exact": ExactEngine(seed=3),
        "clifford": CliffordEngine(seed=3),
        "aer": AerEngine("density_matrix", seed=3),
    },
}


@pytest.mark.parametrize(("kind", "name"), [(kind, name) for kind in PARTS for name in PARTS[kind]])
def test_every_part_of_the_library_comes_back_from_its_data(kind, name):
    part = PARTS[kind][name]
    assert (part_of(part).kind, part_of(part).name) == (kind, name)
    told = json.loads(json.dumps(to_data(part)))
    assert from_data(told) == part
    assert f'"{name}"' in json.dumps(told)


ODD = (True, np.True_, "1", np.array(0.5), np.array([0.5]), float("nan"), Decimal("0.5"), 0.5 + 0j, [1])
HUGE = Fraction(10**400, 3)
"""What is no number; and one that no float can hold."""

WITHOUT_A_DOOR = ("conditions", "per_qubit")
"""What others make, or check."""


def numbers_of(part):
    told = {f.name: getattr(part, f.name) for f in fields(part) if f.init} if is_dataclass(part) else {}
    return {field: value for field, value in told.items() if type(value) in (int, float)}


@pytest.mark.parametrize(("kind", "name"), [(kind, name) for kind in PARTS for name in PARTS[kind]])
def test_what_is_no_number_is_refused_alike_everywhere(kind, name):
    if name in WITHOUT_A_DOOR:
        return
    part = PARTS[kind][name]
    for field, value in numbers_of(part).items():
        for odd in (*ODD, HUGE):
            with pytest.raises((TypeError, ValueError), match=field.split("_")[0]):
                replace(part, **{field: odd})
        same = np.int64(value) if type(value) is int else np.float64(value)
        assert type(getattr(replace(part, **{field: same}), field)) is type(value)


def test_the_parts_above_are_all_that_have_a_name():
    assert {kind: set(names) for kind, names in LIBRARY.items()} == {k: set(v) for k, v in PARTS.items()}
    assert set(LIBRARY) == set(KINDS) - {"reader"}


def own_classes():
    """Every public class of the package that can be made: whoever writes a part need not remember this test."""
    for info in pkgutil.walk_packages(quantumlink.__path__, "quantumlink."):
        if not info.name.startswith("quantumlink.keys.service"):  # which has its own extra
            importlib.import_module(info.name)
        for name, found in vars(sys.modules.get(info.name, SimpleNamespace())).items():
            own = inspect.isclass(found) and found.__module__ == info.name and not name.startswith("_")
            if own and not inspect.isabstract(found) and not getattr(found, "_is_protocol", False):
                yield found


def test_whatever_is_a_part_has_a_name():
    named = {part.cls for kind in KINDS for part in parts_of(kind).values()}
    apart = {"PassSeries", "Optics"}  # a pass at one moment, and what open paths have in common
    found = []
    for cls in own_classes():
        members = lambda *names, cls=cls: all(hasattr(cls, name) for name in names)
        is_part = (
            issubclass(cls, (Eavesdropper, Session))
            or members("transmittance", "delay_s", "channel")
            or (members("herald") and cls.__module__.startswith("quantumlink.hardware"))
            or members("reconcile")
            or (members("bound") and cls.__module__.startswith("quantumlink.security"))
        )
        if is_part and cls.__name__ not in apart:
            found.append(cls)
    assert not [cls for cls in found if cls not in named]
    assert len(found) >= sum(len(PARTS[k]) for k in ("medium", "source", "eavesdropper", "protocol", "bound"))


# --- links


LINKS = [
    HOP,
    ql.chain([ql.ElementaryLink(A, R, state=np.diag([0.5, 0.1, 0.2, 0.2])), ql.ElementaryLink(R, B)]),
    ql.purify(HOP, HOP, HOP, by="double_selection"),
    ql.purify(*[ql.ElementaryLink(A, B, bell_diagonal=(0.1, 0.1, 0.8, 0))] * 2, by="epl"),
    ql.swap(ql.ElementaryLink(A, R), ql.ElementaryLink(R, B), by="linear_optics_swap"),
]


@pytest.mark.parametrize("link", LINKS, ids=repr)
def test_links_come_back(link):
    assert from_data(json.loads(json.dumps(to_data(link)))) == link


@pytest.mark.parametrize("name", ["fuse_pairs_to_ghz", "multiway_swap", "distribute_ghz"])
@pytest.mark.parametrize("arms", [3, 4])
def test_operations_of_any_size_have_it_in_their_names(name, arms):
    hub, *ends = (ql.Node(letter) for letter in "habcd"[: arms + 1])
    links = [ql.ElementaryLink(end, hub, fidelity=0.9) for end in ends]
    link = ql.join(getattr(circuits, name)(arms), *links)
    data = json.loads(json.dumps(to_data(link)))
    assert data["link"][-1]["by"] == f"{name}({arms})"
    assert from_data(data) == link == ql.join(f"{name}({arms})", *links)


def builders_with_ports():
    """Every circuit of the library that joins links into one, its options too, by what it is called here."""
    for name, builder in circuits.builders().items():
        options = {
            option: get_args(hint) if get_origin(hint) is Literal else (2, 3, 5) if hint is int else (False, True)
            for option, hint in get_type_hints(builder).items()
            if get_origin(hint) is Literal or hint in (int, bool)
        }
        if name == "encoded_bell_pair":
            options = {"code": get_args(StabilizerCode)}
        for values in product(*options.values()):
            try:
                operation = Operation(builder(**dict(zip(options, values, strict=True))))
            except ValueError:  # takes no links, or not these options together
                continue
            if len(operation.outputs) > 1:  # else a qubit is sent, and no link made
                yield f"{name}{values}", operation


JOINING = dict(builders_with_ports())


def test_the_circuits_that_join_links_are_all_tried():
    assert len(JOINING) > 40
    assert {name.partition("(")[0] for name in JOINING} >= {"distribute_ghz", "chain_swap", "repetition_bell_pair"}


@pytest.mark.parametrize("told_from", ["here", "there", "both"])
@pytest.mark.parametrize("operation", JOINING.values(), ids=JOINING)
def test_every_circuit_of_the_library_comes_back_in_a_link(operation, told_from):
    site = operation.site_of_qubit
    nodes = [ql.Node(name, memory=ql.Memory(retrieval=0.9)) for name in operation.site_names]
    turn = {"here": 1, "there": -1}
    links = [
        ql.ElementaryLink(*[nodes[site[q]] for q in qubits][:: turn.get(told_from, (-1) ** i)], fidelity=0.9)
        for i, qubits in enumerate(operation.inputs)
    ]
    try:
        link = ql.join(operation, *links)
    except ValueError as error:  # two nodes between which all links run have no direction of their own
        assert "fit" in str(error)
        assert (len(nodes), told_from) == (2, "both")
        return
    again = from_data(json.loads(json.dumps(to_data(link))))
    assert again == link
    assert again.ends == link.ends
    sent = pickle.loads(pickle.dumps(link))
    assert to_data(sent) == to_data(link) == to_data(copy.deepcopy(link))


@pytest.mark.parametrize(
    ("by", "name"),
    [
        (circuits.double_selection("X"), "double_selection(X)"),
        (circuits.single_selection_3to1("X", "Y"), "single_selection_3to1(X, Y)"),
        (circuits.single_selection_3to1(), "single_selection_3to1"),
        (circuits.stringent_round("Y"), "stringent_round(Y)"),
        (circuits.bbpssw(twirl=False), "bbpssw(untwirled)"),
    ],
)
def test_purifications_with_arguments_have_them_in_their_names(by, name):
    link = ql.purify(*[HOP] * len(Operation(by).inputs), by=by)
    data = json.loads(json.dumps(to_data(link)))
    assert data["link"][-1] == {"purify": [0] * len(link.links), "by": name}
    assert from_data(data) == link == ql.purify(*link.links, by=name)


def test_a_chain_swap_of_one_relay_is_a_swap():
    link = ql.swap(ql.ElementaryLink(A, R, fidelity=0.9), ql.ElementaryLink(R, B), by=circuits.chain_swap(1))
    assert from_data(json.loads(json.dumps(to_data(link)))) == link


def test_a_size_that_is_none_is_refused_by_name():
    for wrong in (
        "multiway_swap(0)",
        "multiway_swap(100)",
        "dejmps(2)",
        "multiway_swap(2",
        "multiway_swap(X)",
        "double_selection(W)",
        "double_selection(X, Y)",
        "repetition_bell_pair(3)",
        "multiway_swap(999999999)",
    ):
        with pytest.raises(ValueError, match=r"must be one of dejmps"):
            ql.join(wrong, HOP, HOP)
    with pytest.raises(ValueError, match="num_links must be at least 2, got 1"):
        ql.join("multiway_swap(1)", HOP)
    with pytest.raises(ValueError, match="by must be one of dejmps"):
        ql.purify(HOP, HOP, by="multiway_swap(2)")
    with pytest.raises(ValueError, match="by must be one of entanglement_swap"):
        ql.swap(ql.ElementaryLink(A, R), ql.ElementaryLink(R, B), by="chain_swap(2)")
    with pytest.raises(ValueError, match="library's own"):
        register("multiway_swap(4)", circuits.multiway_swap(4), kind="operation")


def test_a_deep_chain_with_shared_parts_stays_small():
    nodes = [ql.Node(str(i)) for i in range(3000)]
    deep = ql.chain([ql.ElementaryLink(a, b) for a, b in pairwise(nodes)], order="sequential")
    assert from_data(to_data(deep)) == deep
    nested = HOP
    for _ in range(30):  # a thousand million pairs, of thirty objects
        nested = ql.purify(nested, nested)
    assert len(json.dumps(to_data(nested))) < 10_000
    assert from_data(to_data(nested)) == nested


def test_plain_values_come_back():
    for value in (None, True, 3, 2.5, "x", 1 - 2j, (1, (2.0,)), {"a": (1,), 2: None}, float("inf")):
        again = from_data(json.loads(json.dumps(to_data(value))))
        assert again == value
        assert type(again) is type(value)
    array = np.array([[1, 2j], [0.5, 3]])
    assert np.array_equal(from_data(json.loads(json.dumps(to_data(array)))), array)
    assert np.isnan(from_data(to_data(float("nan"))))


def test_sessions_of_before_parts_had_names_are_read():
    told = {
        "module": "quantumlink.hardware.arms",
        "class": "Arms",
        "arguments": {
            "left": {
                "module": "quantumlink.hardware.fiber",
                "class": "Fiber",
                "arguments": {"length_km": 3.0, "traffic": {"tuple": []}},
            },
            "right": {"module": "quantumlink.hardware.fiber", "class": "Fiber", "arguments": {"length_km": 4.0}},
        },
    }
    assert from_data(told) == Arms(ql.Fiber(3), ql.Fiber(4))
    leaf = {
        "module": "quantumlink.link.elementary",
        "class": "ElementaryLink",
        "arguments": {"left": to_data(A), "right": to_data(B), "bell_diagonal": {"tuple": [0.7, 0.1, 0.1, 0.1]}},
    }
    expected = ql.ElementaryLink(A, B, bell_diagonal=(0.7, 0.1, 0.1, 0.1))
    assert from_data({"purify": [leaf, leaf], "protocol": "dejmps"}) == ql.purify(expected, expected)


# --- parts of somebody else


ENTRY_POINTS = "quantumlink_circuits.entry_points.entry_points"


@dataclass(frozen=True)
class Rope:
    """A medium of one's own."""

    length_km: float
    loss: float = 0.1
    channel = None

    @property
    def transmittance(self):
        return (1 - self.loss) ** self.length_km

    @property
    def delay_s(self):
        return self.length_km / 2e5


@dataclass(frozen=True)
class Timid:
    """A decoder of one's own."""

    name: str = "timid"

    def corrections(self, code, syndromes):
        return Lookup().corrections(code, syndromes)


class Lamp:
    """A source that is no dataclass."""

    def __init__(self, brightness):
        self.brightness = brightness

    def herald(self, medium, *, detector=None):
        return HeraldedPair(self.brightness * medium.transmittance, 1e-3, (0.9, 0.1, 0, 0))

    def __eq__(self, other):
        return isinstance(other, Lamp) and self.brightness == other.brightness

    __hash__ = None


@dataclass(frozen=True)
class Cold(ql.Memory):
    """A memory of one's own."""

    kelvin: float = 4.0


@dataclass(frozen=True)
class Listener(Eavesdropper):
    """A quiet probe: measures Z."""

    label: str = "quiet"

    def circuit(self):
        from quantumlink.circuits import intercept_resend
        from quantumlink.qkd.eavesdropping.eavesdropper import renamed

        return renamed(intercept_resend(0.0, 0.0), {"q": "signal"})


@dataclass(frozen=True, kw_only=True)
class Halves(BB84):
    """A protocol of one's own."""

    note: str = "mine"
    protocol = "halves"


def odd_purification():
    circuit = dejmps()
    circuit.name = "odd purification"
    circuit.x(0)
    circuit.x(0)
    return circuit


@pytest.fixture
def own():
    """Everything above, registered."""
    given = {
        ("medium", "rope"): Rope,
        ("memory", "cold"): Cold,
        ("eavesdropper", "listener"): Listener,
        ("protocol", "halves"): Halves,
    }
    for (kind, name), cls in given.items():
        assert register(name, cls) is cls
        assert named_part(kind, name).cls is cls
    register("lamp", Lamp, encode=lambda lamp: {"brightness": lamp.brightness}, decode=Lamp)
    register("odd", odd_purification, kind="purification")
    register("star", fuse_pairs_to_ghz(2), kind="operation")
    yield
    for key in [*given, ("source", "lamp"), ("purification", "odd"), ("operation", "star")]:
        forget(*key)


NODES = ql.Node("a", memory=Cold(t1_s=3.0, kelvin=1.0)), ql.Node("b")
LINK = ql.ElementaryLink(*NODES, Rope(3.0), source=Lamp(0.5))


def test_networks_of_own_parts_are_saved(own, tmp_path):
    parallel = ql.ElementaryLink(*NODES, Arms(Rope(1.0), Rope(2.0, loss=0.5)), fidelity=0.9)
    network = ql.Network(NODES, [LINK, parallel], "own")
    network.save(tmp_path / "n.toml")
    assert ql.Network.load(tmp_path / "n.toml") == network
    assert "rope = {" in network.to_toml()
    text = network.to_toml().replace("length_km = 3.0", "lengh_km = 3.0")
    (tmp_path / "n.toml").write_text(text)
    with pytest.raises(ValueError, match=r"lengh_km.*did you mean 'length_km'"):
        ql.Network.load(tmp_path / "n.toml")


def test_sessions_of_own_parts_are_submitted_and_resumed(own, tmp_path):
    session = Halves(medium=Rope(1.0), rounds=2000, seed=4, eavesdropper=Listener(0.1), note="x")
    again = Halves.from_dict(json.loads(json.dumps(session.to_dict())))
    assert again == session
    job = ql.submit(session, ql.ExactSampler(seed=3), directory=tmp_path)
    assert job.record.reader["part"] == ["protocol", "halves"]
    assert resume(job.path).key().report() == job.key().report()


def test_pairs_by_own_operations_are_stored(own):
    pair = ql.ElementaryLink(A, B, fidelity=0.8)
    link = ql.purify(pair, pair, by="odd")
    assert link == ql.purify(pair, pair, by=odd_purification)
    session = BBM92(link=link, rounds=10, seed=1)
    assert BBM92.from_dict(json.loads(json.dumps(session.to_dict()))) == session
    assert ql.evaluate(link).fidelity == pytest.approx(ql.evaluate(ql.purify(pair, pair)).fidelity, abs=1e-12)
    star = ql.join("star", ql.ElementaryLink(A, R), ql.ElementaryLink(B, R))
    assert from_data(to_data(star)) == star
    assert ql.chain([pair], purify_rounds=2, protocol="odd").pairs == 4


def test_sweeps_know_own_parts_again(own, tmp_path):
    calls = []

    def rate(link, session):
        calls.append(link)
        return link.success_probability * session.rounds

    points = [
        {
            "link": ql.ElementaryLink(*NODES, Rope(3.0), source=Lamp(brightness)),
            "session": Halves(medium=Rope(1.0), rounds=10, seed=1),
        }
        for brightness in (0.5, 0.25)
    ]
    with ThreadPoolExecutor(1) as here:
        for task, called in (("own parts", 2), ("own parts", 2), ("another", 4)):
            table = sweep(rate, points, executor=here, cache=tmp_path, task=task, progress=False)
            assert table["value"].tolist() == [p["link"].success_probability * 10 for p in points]
            assert len(calls) == called


def success(link):
    return link.success_probability


def test_the_command_line_knows_own_parts(own):
    runner = CliRunner()
    run = lambda *words: runner.invoke(
        app, [str(word) for word in words], terminal_width=200, env={"COLUMNS": "200"}
    )
    listed = run("parts").stdout
    assert all(word in listed for word in ("rope", "lamp", "listener", "halves", "odd"))
    assert re.search(r"rope +Rope +A medium of one's own\.", run("parts", "medium").stdout)
    assert "star" in run("circuits").stdout
    assert "halves" in run("qkd", "--help").stdout
    result = run("qkd", "halves", "--km", 1, "--rounds", 2000, "--seed", 7, "--attack", "listener:0.1,label=loud")
    assert result.exit_code == 3, result.output
    assert "Listener(fraction=0.1, label='loud')" in result.stdout
    assert "--note" in run("qkd", "halves", "--help").stdout
    assert "did you mean 'halves'" in run("qkd", "halvs").output


# --- what is not registered


def test_what_has_no_name_is_told_how_to_get_one(tmp_path):
    word = "register"
    with pytest.raises(UnknownPart, match=word):
        ql.Network(NODES, [LINK], "own").to_toml()
    with pytest.raises(UnknownPart, match=word):
        Halves(medium=Rope(1.0), rounds=10).to_dict()
    with ThreadPoolExecutor(1) as here, pytest.raises(TypeError, match=word):
        sweep(success, {"link": [LINK]}, executor=here, cache=tmp_path, task="t", progress=False)
    pair = ql.ElementaryLink(A, B, fidelity=0.8)
    circuit = odd_purification()
    with pytest.raises(UnknownPart, match=r'register.*kind="purification"'):
        to_data(ql.purify(pair, pair, by=circuit))
    assert CliRunner().invoke(app, ["qkd", "halves"]).exit_code == 2
    with pytest.raises(UnknownPart, match="register"):
        from_data({"kind": "medium", "name": "rope", "arguments": {}})
    with pytest.raises(ValueError, match="must be one of dejmps"):
        ql.purify(pair, pair, by="odd")


@pytest.mark.parametrize(
    ("arguments", "options", "error", "match"),
    [
        (("fiber", Rope), {}, ValueError, "library's own|already"),
        (("", Rope), {}, ValueError, "name"),
        ((3, Rope), {}, TypeError, "name"),
        (("x", Rope), {"kind": "rope"}, ValueError, "kind must be one of"),
        (("x", Rope), {"kind": "source"}, TypeError, "must have herald, which Rope lacks"),
        (("x", int), {}, TypeError, "kind must be given for int"),
        (("x", 3), {}, TypeError, "must be a class"),
        (("x", Lamp), {}, TypeError, "encode and decode"),
        (("x", Lamp), {"encode": 3}, TypeError, "encode must be a function"),
        (("dejmps", dejmps), {"kind": "purification"}, ValueError, "library's own"),
        (("x", "dejmps"), {"kind": "purification"}, TypeError, "not the name of one"),
        (("x", dejmps), {"kind": "swap", "encode": repr}, ValueError, "stored by its name"),
        (("fiber", Lamp), {"encode": vars, "decode": Lamp}, ValueError, "could not tell the source 'fiber'"),
        (("x", QuantumCircuit(2)), {"kind": "swap"}, ValueError, "inputs|ports|registers"),
    ],
)
def test_bad_registrations(arguments, options, error, match):
    with pytest.raises(error, match=match):
        register(*arguments, **options)


def test_a_name_and_a_class_are_used_once(own):
    with pytest.raises(ValueError, match=r"the medium 'rope' is .*:Rope already"):
        register("rope", type("Other", (Rope,), {}))
    with pytest.raises(ValueError, match=r"registered already, as the medium 'rope'"):
        register("string", Rope)
    assert register("rope", Rope) is Rope  # the same cell of a notebook again
    with pytest.raises(ValueError, match="is a purification already"):
        register("odd", entanglement_swap, kind="swap")
    register("odd", Operation(odd_purification()), kind="purification")


def test_forgetting_is_for_what_was_registered():
    for kind, name in (("medium", "fiber"), ("medium", "nothing"), ("swap", "entanglement_swap")):
        with pytest.raises(ValueError, match="was registered"):
            forget(kind, name)


def test_operations_codes_and_decoders_of_installed_packages_are_known_by_name(monkeypatch):
    def lab():
        register("odd", odd_purification, kind="purification")
        register("three bits", Code(["ZZI", "IZZ"], name="three bits"), kind="code")
        register("timid", Timid(), kind="decoder")

    pair = ql.ElementaryLink(ql.Node("a"), ql.Node("b"), fidelity=0.9)
    monkeypatch.setattr(ENTRY_POINTS, lambda group: [SimpleNamespace(value="lab", load=lab)])
    asked = {
        "odd": lambda: ql.purify(pair, pair, by="odd").operation,
        "three bits": lambda: ql.encode(pair, code="three bits").code,
        "timid": lambda: ql.encode(pair, code="steane", decode="timid").decoder,
        "listed": lambda: ("odd" in operation_names("purification"), "three bits" in code_names()),
    }
    for ask in asked.values():
        load_entry_points.cache_clear()  # as in a process that has read none of them
        try:
            assert ask()
        finally:
            for kind, name in (("purification", "odd"), ("code", "three bits"), ("decoder", "timid")):
                forget(kind, name)
    load_entry_points.cache_clear()


def test_no_package_is_imported_for_a_name_of_the_library(monkeypatch):
    monkeypatch.setattr(ENTRY_POINTS, lambda group: pytest.fail("looked for what others register"))
    pair = ql.ElementaryLink(ql.Node("a"), ql.Node("b"), fidelity=0.9)
    load_entry_points.cache_clear()
    try:
        purified = ql.purify(pair, pair, by="dejmps")
        assert from_data(to_data(ql.encode(purified, code="steane", decode="lookup"))).code.name == "steane"
    finally:
        load_entry_points.cache_clear()


def test_entry_points_are_imported_when_a_name_is_not_known(monkeypatch):
    entries = [
        SimpleNamespace(value="lab", load=lambda: register("rope", Rope)),
        SimpleNamespace(value="broken", load=lambda: 1 / 0),
    ]
    monkeypatch.setattr(ENTRY_POINTS, lambda group: entries)
    load_entry_points.cache_clear()
    try:
        with pytest.warns(RuntimeWarning, match="'broken' are not known: ZeroDivisionError"):
            again = from_data({"kind": "medium", "name": "rope", "arguments": {"length_km": 2.0}})
        assert again == Rope(2.0)
    finally:
        forget("medium", "rope")
        load_entry_points.cache_clear()


def test_media_and_sources_above_are_what_they_say():
    assert isinstance(Rope(1.0), Medium)
    assert isinstance(Lamp(1.0), Source)
