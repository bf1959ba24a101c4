"""Playing rounds: a parameterized circuit, its settings as rows, and what each round of them ended with.

Rounds that share a setting are counted, not run one by one. Without a sampler their outcomes are drawn from the
exact probabilities of the circuit; on a sampler all settings are one broadcast PUB, and where it gives every
setting equal shots, a random subset of them is kept.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from itertools import product
from math import prod

import numpy as np
from qiskit.circuit import QuantumCircuit
from qiskit.primitives import SamplerPubResult

from quantumlink.arrays import BoolArray, FloatArray, IntArray
from quantumlink.exact import branches
from quantumlink.execution.engine import Engine, Setting, checked_run
from quantumlink.hardware import Node
from quantumlink.program import RandomSetting
from quantumlink.rewrites import noisy_circuit
from quantumlink.rewrites.playing_channels import sampled_circuit

Counts = IntArray
Floats = FloatArray
Reading = Callable[[BoolArray], IntArray]
"""From bits of shape (..., clbits), clbit 0 first, to outcomes 0, 1, … of shape (...)."""

Pub = tuple[QuantumCircuit, Floats, int]
"""A PUB as any V2 sampler takes it: circuit, values of shape (rows, parameters), shots of each row."""

MAX_ROWS = 4096
"""Most rows of one broadcast PUB."""


@dataclass(frozen=True, eq=False)
class Play:
    """A circuit with its settings, and how to read its bits."""

    circuit: QuantumCircuit
    """The parameterized circuit, its media as `PauliChannel` instructions."""
    names: tuple[str, ...]
    """The parameters that a setting sets."""
    rows: tuple[tuple[float, ...], ...]
    """For each setting the values of these, in radians."""
    read: Reading
    """How bits become an outcome."""
    bits: tuple[int, ...]
    """The classical bits (by index) that ``read`` looks at."""
    outcomes: int
    """Number of outcomes."""
    random: tuple[RandomSetting, ...] = ()
    """Parameters that are drawn anew in every round, besides the setting."""

    @property
    def draws(self) -> list[tuple[int, ...]]:
        """Every combination of rows of the random parameters."""
        combinations = prod(len(setting.rows) for setting in self.random)
        if combinations * len(self.rows) > MAX_ROWS:
            raise ValueError(
                f"the circuit's random parameters have {combinations} combinations in each of {len(self.rows)} "
                f"settings, at most {MAX_ROWS} rows are played in one run: leave out a twirl or a played medium"
            )
        return list(product(*(range(len(setting.rows)) for setting in self.random)))

    @property
    def weights(self) -> Floats:
        """The probability of each of the draws."""
        return np.array(
            [prod(s.weights[row] for s, row in zip(self.random, draw, strict=True)) for draw in self.draws]
        )

    def values(self) -> Floats:
        """Values of all the circuit's parameters in their order: shape (settings, draws, parameters)."""
        column = {parameter.name: i for i, parameter in enumerate(self.circuit.parameters)}
        draws = self.draws
        table = np.zeros((len(self.rows), len(draws), len(column)))
        for i, name in enumerate(self.names):
            if name in column:
                table[..., column[name]] = np.array([row[i] for row in self.rows])[:, None]
        for j, draw in enumerate(draws):
            for setting, row in zip(self.random, draw, strict=True):
                for parameter, value in zip(setting.parameters, setting.rows[row], strict=True):
                    table[:, j, column[parameter.name]] = value
        return table

    def probabilities(self) -> Floats:
        """The exact probability of each outcome: shape (settings, draws, outcomes)."""
        table = self.values()
        found = np.zeros((*table.shape[:2], self.outcomes))
        for index in np.ndindex(table.shape[:2]):
            bound = self.circuit.assign_parameters(table[index]) if table.shape[2] else self.circuit
            bits = np.zeros(self.circuit.num_clbits, dtype=bool)
            for record, tensor in branches(bound, keep=self.bits).items():
                bits[list(self.bits)] = record
                found[(*index, int(self.read(bits)))] += float(tensor.reshape(()))
        found = np.clip(found, 0.0, None)
        found /= found.sum(axis=-1, keepdims=True)
        return found

    def allot(self, counts: Counts, rng: np.random.Generator) -> Counts:
        """Divide the rounds of each setting among the draws: shape (settings,) to (settings, draws)."""
        return rng.multinomial(counts, self.weights)

    def pub(self, shots: int) -> Pub:
        """One broadcast PUB over all settings and draws, each as often."""
        table = self.values()
        return self.circuit, table.reshape(-1, table.shape[2]), shots

    def on_sampler(self, *, play_medium: bool) -> Play:
        """For a machine with noise of its own: channels left out, or played by rotations drawn at random."""
        if play_medium:
            circuit, random = sampled_circuit(simple_gates(self.circuit))
            return replace(self, circuit=circuit, random=(*self.random, *random))
        bare = self.circuit.copy_empty_like()
        for instruction in self.circuit.data:
            if instruction.name != "pauli_channel":
                bare.append(instruction)
        return replace(self, circuit=simple_gates(bare))

    def with_noise(self, nodes: tuple[Node, ...] | None = None) -> Play:
        """For Aer: the channels (and the noise of the nodes, if any) as errors in the circuit."""
        nodes = nodes or (Node("ideal"),) * self.circuit.num_qubits
        return replace(self, circuit=noisy_circuit(simple_gates(self.circuit), nodes))

    def run(self, counts: Counts, engine: Engine) -> list[list[IntArray]]:
        """The outcomes of so many rounds of each setting and draw, on an engine that takes unequal shots."""
        table = self.values()
        found = [[np.zeros(0, dtype=np.int64) for _ in row] for row in counts]
        wanted = [index for index in np.ndindex(counts.shape) if counts[index]]
        settings = [Setting(table[index], int(counts[index])) for index in wanted]
        if settings:
            for (s, d), bits in zip(wanted, checked_run(engine, self.circuit, settings, self.bits), strict=True):
                found[s][d] = self.read(bits[: counts[s, d]])
        return found

    def keep(self, result: SamplerPubResult, counts: Counts, rng: np.random.Generator) -> list[list[IntArray]]:
        """Of a result with equal shots, a random subset of so many rounds of each setting and draw.

        Raises:
            ValueError: if the result is of another shape or has too few shots.
        """
        bits = read_bits(result, self.circuit)
        if bits.shape[0] != counts.size or bits.shape[1] < counts.max(initial=0):
            raise ValueError(
                f"result must hold {counts.size} rows of at least {counts.max(initial=0)} shots, as "
                f"session.circuits() asks for; got {bits.shape[0]} rows of {bits.shape[1]} shots"
            )
        outcomes = self.read(bits).reshape(*counts.shape, -1)
        return [
            [rng.permutation(outcomes[s, d])[: counts[s, d]] for d in range(counts.shape[1])]
            for s in range(counts.shape[0])
        ]


def read_bits(result: SamplerPubResult, circuit: QuantumCircuit) -> BoolArray:
    """The bits of a PUB's result: shape (rows, shots, clbits), clbit 0 first.

    Raises:
        ValueError: if it lacks one of the circuit's registers.
    """
    names = [register.name for register in circuit.cregs]
    missing = [name for name in names if name not in result.data]
    if missing:
        raise ValueError(
            f"result must hold the registers {', '.join(names)} of {circuit.name!r}, it lacks {', '.join(missing)}"
        )
    arrays = [result.data[name].to_bool_array(order="little") for name in names]
    bits: BoolArray = np.concatenate(arrays, axis=-1)
    return bits.reshape(-1, *bits.shape[-2:])


def simple_gates(circuit: QuantumCircuit) -> QuantumCircuit:
    """The circuit with the eavesdroppers' controlled gates, which Aer has no name for, as simpler ones."""
    return circuit.decompose(["cry", "ch"])


def register_bits(circuit: QuantumCircuit, *names: str) -> tuple[int, ...]:
    """The indices of the bits of some classical registers."""
    registers = {register.name: register for register in circuit.cregs}
    return tuple(circuit.find_bit(bit).index for name in names for bit in registers[name])


def binary_reading(bits: Sequence[int]) -> Reading:
    """Read bits as a number, the first one as the most significant."""
    columns = list(bits)
    powers = 1 << np.arange(len(columns))[::-1]

    def read(array: BoolArray) -> IntArray:
        return np.asarray(array[..., columns] @ powers, dtype=np.int64)

    return read
