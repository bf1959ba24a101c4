"""Engines of somebody else: by object and by name, saved, submitted, swept over; what they give is checked."""

import json
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

import numpy as np
import pytest
from qiskit.circuit import QuantumCircuit
from typer.testing import CliRunner

import quantumlink as ql
from quantumlink.cli import app
from quantumlink.execution import Engine, Setting
from quantumlink.execution.engine import checked_run, seed_of_run
from quantumlink.execution.engines import AerEngine, CliffordEngine, ExactEngine, given_engine
from quantumlink.execution.exact_sampler import draw_bits
from quantumlink.parts import forget, from_data, register, to_data
from quantumlink.qkd.protocols import BB84

LINK = ql.ElementaryLink(ql.Node("a"), ql.Node("b"), fidelity=0.9)


SEEDS = []
"""Of each run of an engine below, in turn."""


@dataclass(frozen=True)
class Turned(Engine):
    """Exact probabilities; of the bits that are asked for, those listed are read for their opposite."""

    last: int = 1
    seed: int | None = None

    noise = "program"

    def run(self, circuit, settings, keep):
        SEEDS.append(self.seed)
        rng = np.random.default_rng(self.seed)
        found = [draw_bits(circuit.assign_parameters(s.values), s.shots, rng, keep=keep) for s in settings]
        for bits in found:
            bits[:, circuit.num_clbits - self.last :] ^= True
        return found


@dataclass(frozen=True)
class NeedsMore(Turned):
    """One that cannot be made without a setting."""

    room: str = field(kw_only=True)


class Bare(Engine):
    """One with noise of its own, and no dataclass; it gives what it is told to."""

    noise = "sampler"

    def __init__(self, give=None):
        self.give = give

    def run(self, circuit, settings, keep):
        if self.give is not None:
            return self.give(circuit, settings)
        return [draw_bits(circuit.assign_parameters(s.values), s.shots, np.random.default_rng(1)) for s in settings]


@pytest.fixture(autouse=True)
def registered():
    register("turned", Turned)
    register("needs_more", NeedsMore)
    yield
    forget("engine", "turned")
    forget("engine", "needs_more")


def test_an_object_and_its_name_run_the_program():
    there = ql.sample(LINK, ["ZZ", "XX"], shots=20_000, seed=7, engine=ExactEngine())
    for engine in ("turned", Turned()):
        found = ql.sample(LINK, ["ZZ", "XX"], shots=20_000, seed=7, engine=engine)
        assert found.engine == "Turned: given"
        assert (found.noise, found.dropped) == ("program", ())
        for basis, (
            zz,
            zo,
            oz,
            oo,
        ) in found.outcomes.items():  # the higher bit is turned
            assert (oz, oo, zz, zo) == there.outcomes[basis]
    both = ql.sample(LINK, ["ZZ"], shots=2_000, seed=7, engine=Turned(last=2))
    assert both.qber("Z").covers(0.1 * 2 / 3)


@pytest.mark.parametrize("engine", [ExactEngine(), CliffordEngine(), AerEngine("density_matrix")])
def test_the_librarys_engines_are_objects_too(engine):
    by_object = ql.sample(LINK, ["ZZ"], shots=3_000, seed=7, engine=engine)
    assert by_object.outcomes == ql.sample(LINK, ["ZZ"], shots=3_000, seed=7, sampler=engine).outcomes
    assert by_object.outcomes != ql.sample(LINK, ["ZZ"], shots=3_000, seed=8, engine=engine).outcomes
    assert by_object.qber("Z").covers(0.1 * 2 / 3)
    assert engine.seed is None


def test_noise_of_its_own_leaves_the_programs_out():
    with pytest.warns(UserWarning, match="Bare plays its own noise"):
        found = ql.sample(LINK, ["ZZ"], shots=100, seed=1, engine=Bare())
    assert found.qber("Z").best == 0
    assert ql.sample(LINK, ["ZZ"], shots=4_000, engine=Bare(), noise="program").qber("Z").covers(0.1 * 2 / 3)


def test_each_run_has_a_seed_of_its_own():
    seeds = [seed_of_run(7, number) for number in range(50)]
    assert seeds[0] == 7
    assert len(set(seeds)) == 50
    assert seed_of_run(None, 3) is None
    a, r, b = ql.Node("a"), ql.Node("r", memory=ql.Memory(t2_s=1e-3)), ql.Node("b")
    link = ql.swap(*(ql.ElementaryLink(x, y, ql.Fiber(20), success_probability=0.3) for x, y in ((a, r), (r, b))))
    program = ql.compose(link, timeline=ql.simulate(link, trials=6, seed=1))
    SEEDS.clear()
    ql.sample(program, ["XX"], shots=100, seed=7, engine=Turned(last=0))  # every wait is a history of its own
    assert len(SEEDS) == len(set(SEEDS)) > 2
    SEEDS.clear()
    attacked = BB84(medium=ql.Fiber(1), rounds=300, seed=5, eavesdropper=ql.qkd.InterceptResend(0.5))
    attacked.run(Turned(last=0))
    assert len(SEEDS) == len(set(SEEDS)) == 2  # with and without her
    assert None not in SEEDS


def test_it_is_saved_swept_and_submitted(tmp_path):
    engine = Turned(last=2, seed=4)
    assert from_data(json.loads(json.dumps(to_data(engine)))) == engine
    with ThreadPoolExecutor(1) as here:
        options = {"executor": here, "cache": tmp_path / "points", "task": "turned bits"}
        grid = {"engine": [Turned(last=1), Turned(last=2)]}
        SEEDS.clear()
        table = ql.sweep(qber_on, grid, **options)
        runs, again = len(SEEDS), ql.sweep(qber_on, grid, **options)
    assert table["qber"][0] > 0.9
    assert table["qber"][1] < 0.1
    assert list(again["qber"]) == list(table["qber"])
    assert len(SEEDS) == runs == 2  # known by their data, nothing ran again
    with pytest.warns(UserWarning, match="Turned plays its own noise"):
        job = ql.submit(LINK, Turned(last=1), bases=["ZZ", "XX"], shots=300, directory=tmp_path)
    assert job.samples().qber("Z").best == 1
    assert job.samples().qber("X").best == 1
    with pytest.raises(ValueError, match="Turned has its own"):
        ql.submit(LINK, Turned(), options={"default_shots": 3}, directory=tmp_path)


def qber_on(engine):
    return {"qber": ql.sample(LINK, ["ZZ"], shots=2_000, seed=7, engine=engine).qber("Z").best}


def test_sessions_run_on_it(tmp_path):
    session = BB84(medium=ql.Fiber(1), rounds=4_000, seed=5)
    right, wrong = (session.run(engine) for engine in (Turned(last=0), Turned(last=1)))
    assert right.qber.best < 0.02
    assert wrong.qber.best > 0.9
    assert session.run(ExactEngine()).qber == right.qber
    with pytest.raises(TypeError, match=r"sampler must be one of exact.*an object Turned"):
        session.run(Turned)


def test_the_command_line_knows_its_name(tmp_path):
    file = tmp_path / "net.toml"
    ql.Network([LINK.left, LINK.right], [LINK], "net").save(file)
    words = ["run", str(file), "--from", "a", "--to", "b", "--shots", "200", "--rounds", "2000", "--seed", "7"]
    told = CliRunner().invoke(app, [*words, "--engine", "turned"])
    assert "200" in told.stdout
    assert "runs on turned" in told.stdout
    row = next(line for line in told.stdout.splitlines() if "QBER Z" in line)
    assert "0.0667" in row
    assert float(row.split("[")[-1].split(",")[0]) > 0.8
    wrong = CliRunner().invoke(app, [*words, "--engine", "tuned"])
    assert wrong.exit_code == 1
    assert "did you mean 'turned'" in " ".join(wrong.output.split())


@pytest.mark.parametrize(
    ("engine", "error", "told"),
    [
        ("turnd", ValueError, r"engine must be one of exact, clifford, aer, .*'turnd'.*did you mean 'turned'"),
        ("needs_more", ValueError, r"engine='needs_more' cannot be made without settings.*room"),
        (Turned, TypeError, r"an object Turned\(\.\.\.\) rather than the class"),
        (ql.ExactSampler(), TypeError, "given as sampler="),
        (7, TypeError, r"engine must be one of exact.*got 7"),
    ],
)
def test_what_is_no_engine_is_refused(engine, error, told):
    with pytest.raises(error, match=told):
        ql.sample(LINK, shots=10, engine=engine)


def test_an_engine_says_whose_noise_acts():
    class Silent(Bare):
        noise = "mine"

    with pytest.raises(ValueError, match="noise of Silent must be 'program' or 'sampler', got 'mine'"):
        ql.sample(LINK, shots=10, engine=Silent())
    with pytest.raises(ValueError, match="engine must be None where a sampler is given"):
        ql.sample(LINK, shots=10, engine=Turned(), sampler=ql.ExactSampler())
    with pytest.raises(ValueError, match=r"engine 'exact' is .*ExactEngine already"):
        register("exact", Bare, kind="engine", encode=vars, decode=Bare)


@pytest.mark.parametrize(
    ("give", "told"),
    [
        (lambda circuit, settings: None, "must give a list with an array for each setting, got NoneType"),
        (lambda circuit, settings: [], "must give an array for each of 1 settings, got 0"),
        (lambda circuit, settings: [np.zeros((10, circuit.num_clbits))], "arrays of Booleans, got float64"),
        (lambda circuit, settings: [[[True] * circuit.num_clbits] * 10], "arrays of Booleans, got list"),
        (lambda circuit, settings: [np.zeros((9, circuit.num_clbits), bool)], r"\(10, 2\) .*got \(9, 2\)"),
        (lambda circuit, settings: [np.zeros((circuit.num_clbits, 10), bool)], r"\(10, 2\) .*got \(2, 10\)"),
    ],
)
def test_bits_of_another_shape_are_refused(give, told):
    with pytest.raises((TypeError, ValueError), match=told):
        ql.sample(LINK, ["ZZ"], shots=10, engine=Bare(give), noise="sampler")


def test_more_runs_than_were_asked_for_count():
    more = Bare(lambda circuit, settings: [np.zeros((12, circuit.num_clbits), bool)])
    assert ql.sample(LINK, ["ZZ"], shots=10, engine=more, noise="sampler").shots["ZZ"] == 12


def test_a_given_sampler_stays_as_it_is():
    runner = given_engine(ql.ExactSampler(seed=3), 5)
    assert runner.seeded(9) is runner
    circuit = QuantumCircuit(2, 2)
    circuit.measure(0, 1)
    assert checked_run(runner, circuit, [Setting(np.zeros(0), 4)], [0, 1])[0].shape == (4, 2)
