"""A program put on several devices, and its figures from what they tell."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import prod, sqrt
from statistics import NormalDist

import numpy as np
from qiskit.providers import BackendV2

from quantumlink import validation
from quantumlink.arrays import FloatArray
from quantumlink.circuits import BASIS_ANGLES
from quantumlink.estimation import CONFIDENCE, Estimate
from quantumlink.exact import UnsupportedOperation
from quantumlink.execution.bases import OF_A_PAIR, checked_bases
from quantumlink.execution.preparation import compiled, lint
from quantumlink.execution.several_devices.cutting import Cutter
from quantumlink.execution.several_devices.parts import DevicePart, RowMeans
from quantumlink.execution.several_devices.settings import Setting, gamma_of, rows_of_settings
from quantumlink.link import Link
from quantumlink.program import Program
from quantumlink.readings import compose
from quantumlink.rewrites import ordered_bits, pauli_frame


@dataclass(frozen=True, eq=False, repr=False)
class AcrossDevices:
    """A program on several devices: what each runs, and how the results are put together."""

    parts: Mapping[str, DevicePart]
    """By the devices' names."""
    nodes: Mapping[str, tuple[str, ...]]
    """The nodes on each device."""
    cut: tuple[tuple[str, str], ...]
    """The nodes of each pair that was cut."""
    gamma: float
    """By how much the intervals are wider for the cuts: γ² times the runs give the same width."""
    bases: tuple[str, ...]
    """Of each row."""
    weights: FloatArray
    """Of each row, shape (rows,); they add up to 1 over the rows of a basis, or do so in the mean if drawn."""
    is_drawn: bool
    """Whether settings are drawn at random, as all would be too many."""
    dropped_channels: int = 0
    """Channels of links within a device, which are not in its circuit."""

    def expectation(self, means: Mapping[str, RowMeans], pauli: str, *, confidence: float = CONFIDENCE) -> Estimate:
        """The expectation value of one of the bases.

        Args:
            means: by the devices' names, what their parts made of the results.
            pauli: one of `bases`.
            confidence: of the interval.
        """
        return self._combined(means, [(1.0, pauli)], 0.0, confidence)

    def fidelity(self, means: Mapping[str, RowMeans], *, confidence: float = CONFIDENCE) -> Estimate:
        """The fidelity to Φ⁺ from its stabilizers; not cut to [0, 1], as that would make it biased.

        Raises:
            ValueError: if one of XX, YY, ZZ is missing.
        """
        return self._combined(means, [(sign / 4, label) for label, sign in OF_A_PAIR], 0.25, confidence)

    def report(self) -> str:
        """What runs where, what is cut, and what that costs."""
        where = [f"{name}: {', '.join(nodes)}" for name, nodes in self.nodes.items()]
        pairs = ", ".join(f"{a}–{b}" for a, b in self.cut) or "none"
        how = "drawn" if self.is_drawn else "all there are"
        lines = [
            *where,
            f"cut pairs: {pairs}; simulated by {len(self.weights)} rows ({how})",
            f"runs: {self.gamma**2:.3g} times as many for the same width as without a cut",
            "messages between devices: parities, after all is measured",
        ]
        if self.dropped_channels:
            lines.append(f"dropped: {self.dropped_channels} channels of links within a device")
        return "\n".join(lines)

    def _combined(
        self, means: Mapping[str, RowMeans], terms: Sequence[tuple[float, str]], offset: float, confidence: float
    ) -> Estimate:
        missing = sorted(self.parts.keys() - means.keys())
        if missing:
            raise ValueError(f"means must be of every device, {', '.join(missing)} is missing")
        z = NormalDist().inv_cdf((1 + confidence) / 2)
        best, variance = offset, 0.0
        for factor, label in terms:
            rows = [i for i, basis in enumerate(self.bases) if basis == label]
            if not rows:
                raise ValueError(f"{label} was not measured, only {', '.join(dict.fromkeys(self.bases))}")
            told = [(means[name].values[rows], means[name].shots) for name in self.parts]
            weighed = self.weights[rows] * np.prod([values for values, _ in told], axis=0)
            best += factor * float(weighed.sum())
            if self.is_drawn:
                spread = len(rows) * float(weighed.var(ddof=1))
            else:
                squares = np.prod([values**2 for values, _ in told], axis=0)
                most = np.prod([values**2 + _variance(values, shots, z) for values, shots in told], axis=0)
                spread = float((self.weights[rows] ** 2 * (most - squares)).sum())
            variance += factor**2 * spread
        return Estimate(best - z * sqrt(variance), best, best + z * sqrt(variance), confidence)

    def __repr__(self) -> str:
        return f"<AcrossDevices {', '.join(self.parts)}: {len(self.cut)} pairs cut, γ {self.gamma:.3g}>"


def _variance(means: FloatArray, shots: int, z: float) -> FloatArray:
    """Of means of signs, never zero (as Wilson's interval)."""
    p = ((1 + means) / 2 * shots + z * z / 2) / (shots + z * z)
    return np.asarray(4 * p * (1 - p) / (shots + z * z), dtype=np.float64)


def prepare_across(
    program: Program | Link,
    devices: Mapping[str, BackendV2],
    *,
    shots: int = 1024,
    bases: Sequence[str] | None = None,
    seed: int | None = None,
) -> AcrossDevices:
    """Put the nodes of a network on several devices.

    Submit each of ``parts`` to its device (``submit(part, backend)``), and give what their jobs say
    (``job.key()``) to ``fidelity`` or ``expectation``.

    Args:
        program: with two ends, corrections that are a Pauli frame or can be made one, no heralds; or such a link.
        devices: for each node, by name, its device; nodes with the same one are together on it.
        shots: of each row.
        bases: as of `prepare`.
        seed: makes places and draws repeatable.

    Raises:
        UnsupportedOperation: if something but a Bell pair, and the Pauli channels right after it, is between two
            devices, or the program cannot be read so.
        TypeError, ValueError: if an argument is out of range, or a node has no device.

    >>> from qiskit.providers.fake_provider import GenericBackendV2
    >>> from quantumlink.hardware import Node
    >>> from quantumlink.link import ElementaryLink
    >>> one, two = (GenericBackendV2(2, seed=seed) for seed in (1, 2))
    >>> pair = ElementaryLink(Node("alice"), Node("bob"), fidelity=0.9)
    >>> prepare_across(pair, {"alice": one, "bob": two}, seed=1)
    <AcrossDevices generic_backend_2q, generic_backend_2q (2): 1 pairs cut, γ 2.6>
    """
    program = _readable(compose(program) if isinstance(program, Link) else program)
    labels = checked_bases(program, bases)
    shots, seed = validation.many("shots", shots), validation.seed("seed", seed)
    cutter = Cutter(program, devices)
    settings, weights, is_drawn = rows_of_settings(cutter.correlations, np.random.default_rng(seed))
    row_bases = tuple(label for label in labels for _ in settings)
    values = _values(program, settings, labels)
    parts = {}
    for name, circuit in cutter.circuits.items():
        built = compiled(circuit, cutter.backends[name], seed=seed).circuit
        table = np.stack([values[p.name] for p in built.parameters], axis=-1) if built.num_parameters else None
        parities = tuple(cutter.share(name, label) for label in row_bases)
        if table is None:  # a relay between two devices always has parameters, an end too: nothing is left to run
            raise UnsupportedOperation(
                f"nothing of the program is between {name} and the others, or measured there"
            )
        lint([(built, table)], cutter.backends[name].target)  # too many runs for one job are divided
        parts[name] = DevicePart(parities, shots, built, table)
    return AcrossDevices(
        parts,
        {name: cutter.nodes_on(name) for name in parts},
        tuple(cutter.cut),
        prod(map(gamma_of, cutter.correlations)),
        row_bases,
        np.tile(weights, len(labels)),
        is_drawn,
        cutter.dropped,
    )


def _readable(program: Program) -> Program:
    validation.instance("program", program, Program, "a Program or a link")
    if len(program.ends) != 2:
        raise UnsupportedOperation(f"a program across devices must have two ends, this one has {len(program.ends)}")
    program = pauli_frame(ordered_bits(program))
    if program.heralds or program.odd_heralds:
        raise UnsupportedOperation(
            "a program across devices has no heralds: runs of two devices are not the same runs"
        )
    if program.earlier_nodes or program.circuit.num_parameters or program.random_settings:
        raise UnsupportedOperation("a program across devices reuses no qubit and has no free parameters")
    return program


def _values(
    program: Program, settings: Sequence[tuple[Setting, ...]], labels: Sequence[str]
) -> dict[str, FloatArray]:
    """Of each parameter, by name, its value in every row."""
    found: dict[str, FloatArray] = {}
    for cut in range(len(settings[0])):
        for side in ("left", "right"):
            angles = np.array([getattr(row[cut], side) for row in settings])
            for i, name in enumerate(("theta", "phi")):
                found[f"{side}_{cut}_{name}"] = np.tile(angles[:, i], len(labels))
    for number in range(len(program.ends)):
        angles = np.array([BASIS_ANGLES[label[-1 - number]] for label in labels for _ in settings])
        found |= {f"end_{number}_{name}": angles[:, i] for i, name in enumerate(("theta", "phi"))}
    return found
