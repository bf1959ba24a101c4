"""`predict`: what a device will measure of a prepared program, by its calibration, beside the ideal."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import product
from math import prod
from typing import TYPE_CHECKING, Literal

import numpy as np
from qiskit.circuit import Parameter, QuantumCircuit

from quantumlink import validation
from quantumlink.circuits import BASIS_ANGLES
from quantumlink.estimation import Estimate
from quantumlink.exact import UnsupportedOperation, branches, interpreter_size
from quantumlink.execution.aer_limits import lost_by_truncation
from quantumlink.execution.aer_plans import one_run_method, shot_by_shot_method
from quantumlink.execution.preparation.decoupling import checked_dephasing
from quantumlink.execution.preparation.device_noise import NoisyCircuit, noisy_isa_circuit, small
from quantumlink.execution.preparation.evaluation_order import measured_early
from quantumlink.execution.preparation.prepared import Prepared
from quantumlink.execution.preparation.probabilities import Probabilities
from quantumlink.execution.preparation.recipe import Recipe, recipe_of
from quantumlink.execution.preparation.spectators import without_spectators
from quantumlink.execution.preparation.twirled import twirled_errors
from quantumlink.execution.running_parities import running_parities
from quantumlink.execution.samples import Samples
from quantumlink.hardware import Node
from quantumlink.link.arriving_pair import ARRIVALS
from quantumlink.program import Program
from quantumlink.progress import track
from quantumlink.readings.observables import Observable
from quantumlink.tables import html_table

if TYPE_CHECKING:
    from qiskit_aer.noise import NoiseModel

Method = Literal["auto", "exact", "sampled", "twirled"]
METHODS = ("auto", "exact", "sampled", "twirled")

MAX_COEFFICIENTS = 4**10
"""Most coefficients over all branches that are followed."""

MAX_SETTINGS = 500
"""Most settings (bases times draws of random parameters) that are followed one by one. Where there are more, the
rows that would be submitted are followed instead."""

DEFAULT_SHOTS = 4_000
ROWS = "random parameters as drawn for the rows"


@dataclass(frozen=True, eq=False, repr=False)
class Prediction:
    """What is to be measured: predicted beside ideal."""

    predicted: Probabilities | Samples
    """Under the device's noise: exact, or sampled."""
    ideal: Probabilities | None
    """Without any noise but a medium that is played; None if it is too large to be followed."""
    method: Literal["exact", "sampled", "twirled"]
    """How it was computed."""
    included: tuple[str, ...]
    """Which noise is included, of each kind what was found."""
    unknown: tuple[str, ...] = ()
    """What the target does not state, and where: it is left out, as if nothing went wrong there."""

    @property
    def success_probability(self) -> Estimate:
        """The probability that all heralds accept, as exact states and timelines call it."""
        return self.acceptance

    @property
    def acceptance(self) -> Estimate:
        """The probability that all heralds accept."""
        return self.predicted.acceptance

    def fidelity(self) -> Estimate:
        """Fidelity to Φ⁺ as the stabilizers will be read, the readout errors of the ends included."""
        return self.predicted.fidelity()

    def expectation(self, pauli: Observable) -> Estimate:
        """The expectation value of a Pauli label such as ``"ZZ"``, or of an operator, see `Samples.expectation`."""
        return self.predicted.expectation(pauli)

    def qber(self, basis: str) -> Estimate:
        """The quantum bit error rate in X, Y or Z."""
        return self.predicted.qber(basis)

    def _rows(self) -> list[tuple[str, str]]:
        rows = []
        for basis in self.predicted.outcomes:
            told = _text(self.predicted.expectation(basis))
            ideal = "" if self.ideal is None else f", ideal {self.ideal.expectation(basis).best:.4f}"
            rows.append((f"⟨{basis}⟩", told + ideal))
        rows.append(("acceptance", _text(self.acceptance)))
        rows += [("not stated, and left out", "; ".join(self.unknown))] if self.unknown else []
        return [*rows, ("method", self.method), ("included", "; ".join(self.included))]

    def _repr_html_(self) -> str:
        return html_table(" – ".join(self.predicted.ends), self._rows())

    def __repr__(self) -> str:
        values = ", ".join(f"{name} {value}" for name, value in self._rows()[:-2])
        return f"<Prediction {'–'.join(self.predicted.ends)} ({self.method}): {values}>"


def predict(
    prepared: Prepared,
    *,
    noise_model: NoiseModel | None = None,
    method: Method = "auto",
    shots: int | None = None,
    feedforward_latency_s: float | None = None,
    low_frequency_dephasing_s: float | Mapping[int, float] | None = None,
    seed: int | None = None,
) -> Prediction:
    """Predict what a device will measure.

    The noise is the target's (see `quantumlink.execution.preparation.device_noise` for what is in it and what is
    not), on the qubits that the circuit uses.

    Args:
        prepared: what `prepare` returned.
        noise_model: an Aer noise model by physical qubits, instead of the target's noise and by itself: then
            waiting does nothing, but a `Delay` relaxes if the model is one of a backend. If None and the backend is
            an `AerSimulator`, the simulator's own: that is what it plays.
        method: ``"exact"`` follows every branch, in all draws of random parameters or, where these are too many, in
            the rows that would be submitted; ``"sampled"`` runs Aer, for the rows that would be submitted;
            ``"twirled"`` samples with every error replaced by its Pauli twirl, for any number of qubits;
            ``"auto"`` is exact where that is possible, and sampled elsewhere.
        shots: runs for each basis where it is sampled, 4,000 by default.
        feedforward_latency_s: as it was measured (`Job.timing` of a dry run), instead of the one that was assumed
            when the program was prepared.
        low_frequency_dephasing_s: T of slow noise that leaves exp(−(t/T)²) of the coherence of a free wait of t, of
            all qubits or by physical qubit; if None, what was stated when the program was prepared. Pulses refocus
            it; see `quantumlink.execution.preparation.slow_dephasing` for what is assumed. A noise model, which
            speaks by itself, leaves no room for it.
        seed: makes a sampled prediction repeatable.

    Raises:
        TypeError, ValueError: if an argument is of the wrong kind, or too large to be followed exactly.
        UnsupportedOperation: if the noise model has custom passes, or a circuit is to be twirled that is not
            Clifford gate by gate.

    >>> from qiskit.providers.fake_provider import GenericBackendV2
    >>> from quantumlink.execution.preparation import prepare
    >>> from quantumlink.link import ElementaryLink
    >>> from quantumlink.readings import compose
    >>> program = compose(ElementaryLink(Node("alice"), Node("bob")))
    >>> prediction = predict(prepare(program, GenericBackendV2(3, seed=1), seed=1))
    >>> prediction.method, prediction.ideal.fidelity().best, 0.9 < prediction.fidelity() < 1
    ('exact', 1.0, True)
    """
    validation.instance("prepared", prepared, Prepared, "what prepare returned")
    validation.choice("method", method, METHODS)
    shots = DEFAULT_SHOTS if shots is None else validation.many("shots", shots)
    seed = validation.seed("seed", seed)
    model = prepared.noise_model if noise_model is None else _checked_model(noise_model)
    latency_s = prepared.latency_s
    if feedforward_latency_s is not None:
        latency_s = validation.number("feedforward_latency_s", feedforward_latency_s, at_least=0.0)
    noisy = noisy_isa_circuit(
        without_spectators(prepared.circuit, prepared.recipe.spectators),
        prepared.target,
        latency_s=latency_s,
        noise_model=model,
        dephasing_s=_dephasing(prepared, low_frequency_dephasing_s, model),
    )
    included = (*noisy.stated.included, "the medium as played" if prepared.medium == "play" else "no medium")
    unknown = noisy.stated.unknown
    ideal = _ideal(prepared)
    exact = None
    if method in ("auto", "exact"):
        exact = _exact(prepared, noisy.circuit, prepared.recipe, noisy.readout)
        if exact is None and method == "exact":
            size = interpreter_size(measured_early(noisy.circuit), [])
            raise ValueError(
                f"this is too large to be predicted exactly: up to {size.qubits} qubits at one time, "
                f"{len(_weighted_values(prepared))} settings; method='sampled' or 'twirled' takes it"
            )
    if exact is not None:
        told = (*included, ROWS) if _too_many_draws(prepared) else included
        return Prediction(exact, ideal, "exact", told, unknown)
    if prepared.program.random_settings:
        included = (*included, ROWS)
    if method == "twirled":
        told = (*included, "every error as its Pauli twirl")
        return Prediction(_twirled(prepared, noisy, shots, seed), ideal, "twirled", told, unknown)
    return Prediction(_sampled(prepared, noisy, shots, seed), ideal, "sampled", included, unknown)


def _text(estimate: Estimate) -> str:
    return f"{estimate.best:.4f}" if estimate.low == estimate.high else str(estimate)


def _checked_model(noise_model: object) -> NoiseModel:
    from qiskit_aer.noise import NoiseModel

    found: NoiseModel = validation.instance("noise_model", noise_model, NoiseModel, "an Aer NoiseModel or None")
    return found


def _dephasing(
    prepared: Prepared, given: float | Mapping[int, float] | None, model: NoiseModel | None
) -> float | Mapping[int, float] | None:
    if given is None:
        return prepared.low_frequency_dephasing_s
    if model is not None:
        raise ValueError(
            f"low_frequency_dephasing_s must be None where a noise model says what waiting does, got {given!r}"
        )
    return checked_dephasing(given)


def _ideal(prepared: Prepared) -> Probabilities | None:
    """From the program before it had a place: what the device would measure without any noise."""
    lowered = prepared.lowered
    circuit = small(lowered.program.circuit.decompose(list(ARRIVALS)), range(lowered.program.circuit.num_qubits))
    recipe = recipe_of(lowered.program, circuit, lowered.end_bits, prepared.recipe.bases, "")
    return _exact(prepared, circuit, recipe, {})


def _exact(
    prepared: Prepared, circuit: QuantumCircuit, recipe: Recipe, readout: Mapping[int, np.ndarray]
) -> Probabilities | None:
    """All settings followed through all branches; None if that is too much."""
    everything = _weighted_values(prepared)
    if len(everything) > MAX_SETTINGS:
        return None
    ends = [name for name, _ in recipe.ends]
    nodes = tuple(Node("device") for _ in circuit.qubits)
    program = Program(
        measured_early(circuit),
        dict.fromkeys(ends, 0),
        nodes,
        recipe.heralds,
        dict(recipe.frame),
        odd_heralds=recipe.odd_heralds,
    )
    folded = running_parities(program, keep=[bit for _, bit in recipe.ends])
    last = folded.circuit.num_clbits - len(ends)
    bits = recipe.ends if folded is program else tuple((end, last + i) for i, end in enumerate(ends))
    reading = replace(
        recipe,
        ends=bits,
        heralds=folded.heralds,
        odd_heralds=folded.odd_heralds,
        frame=tuple(folded.frame.items()),
    )
    keep = sorted({bit for _, bit in bits} | folded.bits_read)
    if interpreter_size(folded.circuit, keep).coefficients > MAX_COEFFICIENTS:
        return None
    size = 2 ** len(ends)
    totals: dict[str, np.ndarray] = {}
    for basis, weight, values in track(everything, "following every branch"):
        there = {p: v for p, v in values.items() if p in folded.circuit.parameters}
        found = branches(folded.circuit.assign_parameters(there), keep=keep, readout=readout)
        records = np.zeros((len(found), folded.circuit.num_clbits), dtype=bool)
        records[:, keep] = list(found)
        probabilities = np.array([float(tensor.reshape(())) for tensor in found.values()])
        accepted, value = reading.read(records, basis)
        counted = np.bincount(value[accepted], probabilities[accepted], minlength=size)
        totals[basis] = totals.get(basis, np.zeros(size)) + weight * counted
    outcomes = {basis: tuple(total.tolist()) for basis, total in totals.items()}
    return Probabilities(tuple(ends), outcomes, recipe.stabilizers)


def _weighted_values(prepared: Prepared) -> list[tuple[str, float, dict[Parameter, float]]]:
    """The bases, each with all draws of the random parameters: their probabilities and all parameters' values."""
    if _too_many_draws(prepared):
        return _rows_as_submitted(prepared)
    random = prepared.program.random_settings
    bases = list(dict.fromkeys(prepared.recipe.bases))
    found = []
    for basis, draw in product(bases, product(*(range(len(setting.rows)) for setting in random))):
        weight, values = 1.0, dict[Parameter, float]()
        for pair, letter in zip(prepared.lowered.angles.values(), reversed(basis), strict=True):
            values.update(zip(pair, BASIS_ANGLES[letter], strict=True))
        for setting, row in zip(random, draw, strict=True):
            weight *= setting.weights[row]
            values.update(zip(setting.parameters, setting.rows[row], strict=True))
        if weight > 0:
            found.append((basis, weight, values))
    return found


def _too_many_draws(prepared: Prepared) -> bool:
    draws = prod(len(setting.rows) for setting in prepared.program.random_settings)
    return draws * len(set(prepared.recipe.bases)) > MAX_SETTINGS


def _rows_as_submitted(prepared: Prepared) -> list[tuple[str, float, dict[Parameter, float]]]:
    weight = 1 / prepared.randomizations
    parameters = list(prepared.circuit.parameters)
    return [
        (basis, weight, dict(zip(parameters, row, strict=True)))
        for basis, row in zip(prepared.recipe.bases, prepared.settings().tolist(), strict=True)
    ]


def _twirled(prepared: Prepared, noisy: NoisyCircuit, shots: int, seed: int | None) -> Samples:
    from quantumlink.execution.clifford import CliffordSampler

    circuit = twirled_errors(noisy.circuit)
    sampler = CliffordSampler(seed=seed, noise_model=_readout_model(noisy))
    rows = -(-shots // prepared.randomizations)
    try:
        result = sampler.run([(circuit, _columns(prepared, circuit), rows)]).result()
    except UnsupportedOperation as error:
        raise UnsupportedOperation(
            f"{error}. Optimization may write a Clifford circuit with other gates: prepare with "
            f"optimization_level=1 and initial_layout=prepared.layout, to keep the place"
        ) from error
    samples = prepared.samples(result)
    return replace(samples, engine="clifford: every error as its Pauli twirl")


def _sampled(prepared: Prepared, noisy: NoisyCircuit, shots: int, seed: int | None) -> Samples:
    from qiskit_aer import AerSimulator
    from qiskit_aer.primitives import SamplerV2

    circuit = noisy.circuit
    method = one_run_method(circuit) or shot_by_shot_method(circuit)
    truncated = not lost_by_truncation(circuit)
    simulator = AerSimulator(method=method, noise_model=_readout_model(noisy), enable_truncation=truncated)
    table = _columns(prepared, circuit)
    # Aer repeats random numbers between runs with neighboring seeds: each row gets one of its own.
    seeds = np.random.SeedSequence(seed).generate_state(len(table), dtype=np.uint32) >> 1
    rows = -(-shots // prepared.randomizations)
    parts = []
    for row, row_seed in track(list(zip(table, seeds.tolist(), strict=True)), f"Aer, {method}"):
        sampler = SamplerV2.from_backend(simulator, seed=row_seed)
        data = sampler.run([(circuit.assign_parameters(row), None, rows)]).result()[0].data
        parts.append(data)
    samples = _joined(prepared.recipe, parts)
    return replace(samples, engine=f"aer: {method}")


def _joined(recipe: Recipe, parts: Sequence[object]) -> Samples:
    from qiskit.primitives import BitArray

    data = {
        name: BitArray.from_bool_array(
            np.stack([getattr(part, name).to_bool_array(order="little") for part in parts]), order="little"
        )
        for name, _ in recipe.registers
    }
    return recipe.samples(data)


def _columns(prepared: Prepared, circuit: QuantumCircuit) -> np.ndarray:
    """The table of settings in the order of this circuit's parameters."""
    column = {parameter: i for i, parameter in enumerate(prepared.circuit.parameters)}
    return prepared.settings()[:, [column[parameter] for parameter in circuit.parameters]]


def _readout_model(noisy: NoisyCircuit) -> NoiseModel:
    from qiskit_aer.noise import NoiseModel, ReadoutError

    model = NoiseModel()
    for qubit, confusion in noisy.readout.items():
        model.add_readout_error(ReadoutError(confusion.tolist()), [qubit])
    return model
