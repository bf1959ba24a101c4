"""A calibration for several jobs, gates folded and drawn to zero, tomography on a device: all beside the raw."""

from functools import partial

import numpy as np
import pytest
from qiskit.circuit.library import CXGate, Measure, RZGate, SXGate, XGate
from qiskit.providers.fake_provider import GenericBackendV2
from qiskit.quantum_info import SparsePauliOp
from qiskit.transpiler import InstructionProperties, Target

import quantumlink as ql
from quantumlink.execution.jobs import resume, submit
from quantumlink.execution.mitigation import folded, zero_noise
from quantumlink.execution.preparation import predict, prepare
from quantumlink.execution.samples import Samples

RELAY = ql.Node("relay")
LINK = ql.swap(ql.ElementaryLink(ql.Node("alice"), RELAY), ql.ElementaryLink(RELAY, ql.Node("bob")))
PAIR = ql.ElementaryLink(ql.Node("alice"), ql.Node("bob"))
LINE = [[0, 1], [1, 2], [2, 3], [3, 4]]


def simulator(gate_error=0.0, readout=0.0):
    """Aer's simulator of a line of five qubits with these errors alone."""
    from qiskit_aer import AerSimulator
    from qiskit_aer.noise import NoiseModel, ReadoutError, depolarizing_error

    model = NoiseModel(basis_gates=["cx", "rz", "sx", "x"])
    if gate_error:
        model.add_all_qubit_quantum_error(depolarizing_error(gate_error, 2), ["cx"])
    if readout:
        model.add_all_qubit_readout_error(ReadoutError([[1 - readout, readout], [readout, 1 - readout]]))
    return AerSimulator(
        noise_model=model, coupling_map=LINE, basis_gates=["cx", "rz", "sx", "x", "if_else"], n_qubits=5
    )


def test_a_calibration_serves_another_job(tmp_path):
    device = simulator(readout=0.05)
    arguments = {"directory": tmp_path, "shots": 4_000, "seed": 5}
    first = submit(LINK, device, mitigate_readout=True, **arguments)
    second = submit(prepare(LINK, device, seed=5), device, **arguments)
    found = second.mitigated(calibration=first, scope="all")
    raw = second.samples().fidelity()
    assert found.raw.fidelity() == raw
    assert raw.high < 0.9
    # Nothing but the readout errs; the interval of 95 % is widened to a false alarm of 1e-6.
    wide = found.fidelity(confidence=1 - 1e-6)
    assert wide.low < 1.0 < wide.high
    own = first.mitigated(scope="all").fidelity(confidence=1 - 1e-6)
    assert own.low < 1.0 < own.high
    with pytest.raises(ValueError, match="has no calibration"):
        second.mitigated()
    with pytest.raises(ValueError, match="has none"):
        first.mitigated(calibration=second)
    elsewhere = prepare(PAIR, device, seed=5, initial_layout=[3, 4])
    place = submit(elsewhere, device, **arguments)
    if not {3, 4} <= set(first.record.layout):
        with pytest.raises(ValueError, match="it lacks"):
            place.mitigated(calibration=first)


def test_a_balanced_calibration_runs_beside_the_program(tmp_path):
    device = simulator(readout=0.05)
    job = submit(LINK, device, mitigate_readout="balanced", directory=tmp_path, shots=1_000, seed=5)
    found = job.mitigated(scope="all")
    assert all(each.runs == (8_000, 8_000) for each in found.errors)
    wide = found.fidelity(confidence=1 - 1e-6)
    assert wide.low < 1.0 < wide.high
    assert "balanced calibration" in found.note()
    with pytest.raises(TypeError, match="mitigate_readout must be True, False or 'balanced'"):
        submit(LINK, device, mitigate_readout="some", directory=tmp_path)


def test_of_another_device_no_calibration_is_taken(tmp_path):
    from qiskit.providers.fake_provider import GenericBackendV2 as Generic

    arguments = {"directory": tmp_path, "shots": 100, "seed": 5}
    first = submit(PAIR, simulator(readout=0.05), mitigate_readout=True, **arguments)
    other = submit(PAIR, Generic(2, seed=1), **arguments)
    with pytest.raises(ValueError, match="calibration must be of generic_backend_2q"):
        other.mitigated(calibration=first)


def test_corrections_by_misread_bits_are_undone_from_the_file_alone(tmp_path):
    """The relay's bits decide the correction: who corrects the ends' readout alone leaves that in."""
    device = simulator(readout=0.05)
    prepared = prepare(LINK, device, corrections="feedforward", seed=5)
    job = submit(prepared, device, mitigate_readout=True, directory=tmp_path, shots=4_000, seed=5)
    job.result()
    again = resume(job.path)
    ends, everything = (again.mitigated(scope=scope) for scope in ("ends", "all"))
    assert ends.fidelity(confidence=1 - 1e-6).high < 0.97
    wide = everything.fidelity(confidence=1 - 1e-6)
    assert wide.low < 1.0 < wide.high
    assert wide.high - wide.low < 0.12
    assert "2 bits that conditions acted on undone in the record" in everything.note()
    # What an older version reads of this file is what it wrote itself: bits that conditions read stay.
    assert "conditional" in again.record.reader["data"]


def test_folding_repeats_gates_and_means_the_same():
    device = GenericBackendV2(5, coupling_map=LINE, control_flow=True, seed=1)
    for corrections in ("frame", "feedforward"):
        prepared = prepare(LINK, device, corrections=corrections, bases=["ZZ", "XX", "YY"], seed=1)
        for scale in (1, 3):
            more = folded(prepared, scale)
            assert more.cost.two_qubit_gates == scale * prepared.cost.two_qubit_gates
            assert predict(more).ideal.fidelity().best == pytest.approx(1.0)
            assert (predict(more).fidelity().best < predict(prepared).fidelity().best) is (scale > 1)
    for scale in (0, 2):
        with pytest.raises(ValueError, match="scale must be"):
            folded(prepared, scale)


def target(error):
    """Two-qubit gates err, nothing else does."""
    made = Target(num_qubits=4)
    for gate in (SXGate(), XGate()):
        made.add_instruction(gate, {(q,): InstructionProperties(error=0.0) for q in range(4)})
    from qiskit.circuit import Parameter

    made.add_instruction(RZGate(Parameter("t")), {(q,): InstructionProperties(error=0.0) for q in range(4)})
    pairs = [(a, b) for a in range(4) for b in range(4) if abs(a - b) == 1]
    made.add_instruction(CXGate(), {pair: InstructionProperties(error=error) for pair in pairs})
    made.add_instruction(Measure(), {(q,): InstructionProperties(error=0.0) for q in range(4)})
    return made


def counted(exact, shots):
    """Samples as the exact probabilities would have them."""
    outcomes = {b: tuple(round(p * shots) for p in found) for b, found in exact.predicted.outcomes.items()}
    return Samples(("alice", "bob"), outcomes, dict.fromkeys(outcomes, shots), "sampler", "")


@pytest.mark.parametrize("fit", ["linear", "richardson"])
def test_drawn_to_zero(fit):
    """Depolarized by λ at each gate, ⟨P⟩ of a pair at scale s is exactly (1 − λ)ˢ: both fits by hand."""
    device = GenericBackendV2(4, coupling_map=LINE[:3], seed=1)
    device._target = target(error := 0.01)
    prepared = prepare(PAIR, device, seed=1)
    samples = {s: counted(predict(folded(prepared, s)), 10**7) for s in (1, 3, 5)}
    found = zero_noise(samples, fit)
    operator = SparsePauliOp.from_list([("II", 0.25), ("XX", 0.25), ("YY", -0.25), ("ZZ", 0.25)])
    assert found.expectation(operator) == pytest.approx(found.fidelity(), abs=1e-12)
    kept = 1 - error * 4 / 3
    values = [kept**s for s in (1, 3, 5)]
    assert samples[3].expectation("ZZ").best == pytest.approx(values[1], abs=1e-6)
    if fit == "linear":
        slope = (values[2] - values[0]) / 4
        wanted = sum(values) / 3 - 3 * slope
    else:  # Lagrange's polynomial at 0
        wanted = values[0] * 15 / 8 - values[1] * 10 / 8 + values[2] * 3 / 8
    assert found.expectation("ZZ").best == pytest.approx(wanted, abs=1e-5)
    assert abs(found.expectation("ZZ").best - 1) < (1 - values[0]) / 10
    assert found.fidelity().best == pytest.approx((1 + 3 * wanted) / 4, abs=1e-5)
    assert found.raw is samples[1]
    assert "raw" in str(found)
    assert "mitigated" in str(found)


def decay(scales, values, asymptote=0.0, full_output=False):
    """With the arguments of Mitiq's ``ExpFactory.extrapolate``: a line through the logarithms."""
    sign = np.sign(values[0] - asymptote)
    _, start = np.polyfit(scales, np.log(sign * (np.array(values) - asymptote)), 1)
    return asymptote + sign * float(np.exp(start))


def mitiqs_decay():
    inference = pytest.importorskip("mitiq.zne.inference")
    return partial(inference.ExpFactory.extrapolate, asymptote=0.0)


@pytest.mark.parametrize("fit", [lambda: decay, mitiqs_decay])
def test_a_function_of_the_users_draws_to_zero(fit):
    """Depolarized by λ at each gate figures decay as (1 − λ)ˢ: such a fit finds what they were without any."""
    device = GenericBackendV2(4, coupling_map=LINE[:3], seed=1)
    device._target = target(0.05)
    prepared = prepare(LINK, device, seed=1, corrections="frame")
    samples = {s: counted(predict(folded(prepared, s)), 10**7) for s in (1, 3, 5)}
    extrapolate = fit()
    found = zero_noise(samples, extrapolate)
    assert found.raw.fidelity() < 0.9
    assert found.fidelity().best == pytest.approx(1.0, abs=1e-5)
    for basis, sign in (("XX", 1), ("YY", -1), ("ZZ", 1)):
        assert found.expectation(basis).best == pytest.approx(sign, abs=1e-5)
    # By hand: the logarithm of the value at 0 is a line's, whose coefficients weigh relative errors.
    weights = np.array([13 / 12, 1 / 3, -5 / 12])
    spreads = [samples[s].expectation("ZZ") for s in (1, 3, 5)]
    relative = np.array([(e.high - e.low) / abs(e.best) for e in spreads])
    width = found.expectation("ZZ").high - found.expectation("ZZ").low
    # Mitiq weighs what goes into its line.
    assert width == pytest.approx(np.linalg.norm(weights * relative), rel=0.01 if extrapolate is decay else 0.2)


@pytest.mark.parametrize("ours", ["linear", "richardson"])
def test_fits_are_those_of_mitiq(ours):
    inference = pytest.importorskip("mitiq.zne.inference")
    theirs = {"linear": inference.LinearFactory, "richardson": inference.RichardsonFactory}[ours].extrapolate
    counts = {1: (470, 30, 30, 470), 3: (430, 70, 80, 420), 5: (400, 100, 95, 405)}
    samples = {s: Samples(("a", "b"), {"ZZ": n}, {"ZZ": 1000}, "sampler", "") for s, n in counts.items()}
    found = [zero_noise(samples, fit).expectation("ZZ") for fit in (ours, theirs)]
    np.testing.assert_allclose([found[0].low, found[0].best], [found[1].low, found[1].best], rtol=1e-6)


@pytest.mark.parametrize("wrong", [np.nan, np.inf, None, (0.9, 0.1), "much"])
def test_a_function_that_gives_no_number_is_refused(wrong):
    one = Samples(("a", "b"), {"ZZ": (5, 0, 0, 5)}, {"ZZ": 10}, "sampler", "")
    with pytest.raises(ValueError, match="fit must give a finite number at 0"):
        zero_noise({1: one, 3: one}, lambda scales, values: wrong).expectation("ZZ")


def test_intervals_widen_with_the_extrapolation():
    samples = {s: Samples(("a", "b"), {"ZZ": (450, 50, 50, 450)}, {"ZZ": 1000}, "sampler", "") for s in (1, 3, 5)}
    raw = samples[1].expectation("ZZ")
    widths = [
        found.high - found.low
        for found in (zero_noise(samples, f).expectation("ZZ") for f in ("linear", "richardson"))
    ]
    # By the coefficients of the fits at 0: (1.083, 0.333, −0.417) and (1.875, −1.25, 0.375).
    norms = [np.linalg.norm(c) for c in ((13 / 12, 1 / 3, -5 / 12), (15 / 8, -10 / 8, 3 / 8))]
    np.testing.assert_allclose(widths, [n * (raw.high - raw.low) for n in norms], rtol=0.03)  # Wilson's center


def test_what_cannot_be_extrapolated():
    one = Samples(("a", "b"), {"ZZ": (5, 0, 0, 5)}, {"ZZ": 10}, "sampler", "")
    other = Samples(("a", "b"), {"XX": (5, 0, 0, 5)}, {"XX": 10}, "sampler", "")
    with pytest.raises(ValueError, match="at least two scales"):
        zero_noise({1: one})
    with pytest.raises(ValueError, match="same ends and bases"):
        zero_noise({1: one, 3: other})
    with pytest.raises(ValueError, match="fit must be one of"):
        zero_noise({1: one, 3: one}, "cubic")
    assert zero_noise({1: one, 3: one}, lambda scales, values: values[0]).expectation("ZZ").best == 1.0


def test_tomography_of_both_ends_on_a_device(tmp_path):
    bases = [a + b for a in "XYZ" for b in "XYZ"]
    job = submit(LINK, simulator(gate_error=0.04), bases=bases, shots=1000, directory=tmp_path, seed=3)
    state = job.samples().tomography()
    found = np.asarray(state.density_matrix)
    assert found.shape == (4, 4)
    assert abs(np.trace(found) - 1) < 1e-9
    assert np.linalg.eigvalsh(found).min() > -1e-9
