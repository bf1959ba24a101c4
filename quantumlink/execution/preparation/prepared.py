"""A program prepared for a device: what to submit, and how to read what comes back."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from html import escape
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from qiskit.circuit import QuantumCircuit
from qiskit.transpiler import Target

from quantumlink import validation
from quantumlink.arrays import FloatArray
from quantumlink.execution.export import bound_circuits, export_circuits
from quantumlink.execution.preparation.cost import Cost
from quantumlink.execution.preparation.decoupling import Decoupling
from quantumlink.execution.preparation.lowering import Lowered, Lowering, Medium
from quantumlink.execution.preparation.recipe import Recipe
from quantumlink.execution.preparation.stated import stated_by_target
from quantumlink.execution.samples import Samples
from quantumlink.program import Program
from quantumlink.tables import html_table

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from qiskit.providers import BackendV2
    from qiskit_aer.noise import NoiseModel


@dataclass(frozen=True)
class Choice:
    """One lowering of the corrections, and what it would cost."""

    corrections: Lowering
    """Which one."""
    cost: Cost | None
    """Its estimated cost, None if it is impossible or was not estimated."""
    note: str = ""
    """Why there is no cost."""

    def __str__(self) -> str:
        return f"{self.corrections}: {self.note if self.cost is None else self.cost}"


@dataclass(frozen=True, eq=False, repr=False)
class Prepared:
    """A program in a device's own instructions: see `prepare`."""

    circuit: QuantumCircuit
    """The ISA circuit, on all the device's qubits; the directions of measurement, and what is drawn at random, are
    its parameters."""
    lowered: Lowered
    """The program as it is measured, before it has a place on the device."""
    recipe: Recipe
    """How to read a result: plain data, for a file."""
    layout: tuple[int, ...]
    """For each qubit of the measured program its physical qubit at the start."""
    final_layout: tuple[int, ...]
    """The same at the end."""
    backend_name: str
    """The device."""
    target: Target
    """The device's target, with its calibration as it was."""
    corrections: Lowering
    """The lowering that was chosen."""
    choices: tuple[Choice, ...]
    """The lowerings that were considered, with their estimated costs."""
    medium: Medium
    """Whether the medium was dropped or is played."""
    cost: Cost
    """What the circuit costs by the target's calibration."""
    plain_cost: Cost | None
    """The same of a plain transpilation at level 3, None if none was made."""
    origin: str
    """Whose placement it is: ``"search"``, ``"plain"``, ``"given"`` or ``"pass manager"``."""
    randomizations: int
    """Rows of random parameters for each basis."""
    latency_s: float
    """The feed-forward latency that was assumed."""
    delay_rounding_s: float
    """The most by which a delay was lengthened to whole ticks."""
    dropped_channels: int
    """Pauli channels of the medium that were left out."""
    drawn_waits: int = 0
    """Waits of a timeline, whose lengths are drawn: left out, or played with the medium."""
    calibrated_at: str | None = None
    """When the device was calibrated last before the preparation (UTC, ISO 8601), None if it does not say."""
    decoupling: Decoupling | None = None
    """The pulses in its idle time, None if there are none."""
    low_frequency_dephasing_s: float | Mapping[int, float] | None = None
    """T of the low-frequency dephasing that was stated, of all qubits or by physical qubit."""
    again: Callable[[BackendV2], Prepared] | None = None
    """Prepares the same program anew, with the same arguments, for the device as it is now."""
    noise_model: NoiseModel | None = None
    """Of an `AerSimulator` the noise that it plays, whatever its target says; None for a device."""
    measured_by: Mapping[int, str] = field(default_factory=dict)
    """The variants by which qubits are measured in the middle of the circuit, by physical qubit."""
    reset_by: Mapping[int, str] = field(default_factory=dict)
    """The variants by which qubits are reset, by physical qubit."""
    spectators: tuple[int, ...] = ()
    """Physical qubits beside those in use that are measured in the end, to tell disturbed runs."""
    told_plainly: tuple[str, ...] = ()
    """Names by which the program calls a device's own measurements and resets, which run as plain ones."""
    options: Mapping[str, Any] = field(default_factory=dict)
    """Options for the runtime's sampler, such as its dynamical decoupling and twirling."""
    _table: FloatArray = field(default_factory=lambda: np.zeros((0, 0)))

    @property
    def program(self) -> Program:
        """The lowered program as it is measured: heralds and frame read its bits."""
        return self.lowered.program

    @property
    def physical_qubits(self) -> tuple[int, ...]:
        """The physical qubits that the circuit touches, ascending, without spectators."""
        return tuple(q for q in used_qubits(self.circuit) if q not in self.spectators)

    def settings(self) -> FloatArray:
        """The rows of the broadcast PUB: shape (bases · randomizations, parameters), by ``circuit.parameters``."""
        return self._table.copy()

    def pubs(self, shots: int) -> list[tuple[QuantumCircuit, FloatArray, int]]:
        """What a SamplerV2 takes: one PUB, all rows with equal shots, as one job demands.

        Args:
            shots: runs for each basis, rounded up to a multiple of the randomizations.
        """
        shots = validation.many("shots", shots)
        return [(self.circuit, self.settings(), -(-shots // self.randomizations))]

    def samples(self, result: Any) -> Samples:
        """What was measured: see `Recipe.samples`."""
        return self.recipe.samples(result)

    def circuits(self) -> list[QuantumCircuit]:
        """The circuits that run, one for each row, all parameters bound, named by their bases."""
        return bound_circuits(self.circuit, self._table, self.recipe.bases)

    def export(self, path: str | PathLike[str]) -> tuple[Path, ...]:
        """Write these circuits as QPY (``.qpy``) or OpenQASM 3 (``.qasm``): see `export_circuits`."""
        return export_circuits(self.circuits(), path)

    def draw(self, *, ax: Axes | None = None, size: tuple[float, float] | None = None) -> Figure:
        """The coupling map with the link on it: nodes by color, two-qubit gates as thick lines.

        Args:
            ax: where to draw; in a new figure if None.
            size: width and height of a new figure in inches.

        Raises:
            TypeError: if ``ax`` is no axes.
            ValueError: if ``size`` is not two lengths or given beside ``ax``.
        """
        from quantumlink.execution.preparation.picture import draw_on_device

        holders = {q: self.program.nodes[i].name for i, q in enumerate(self.layout)}
        title = f"{' – '.join(self.program.ends)} on {self.backend_name}"
        return draw_on_device(self.target, self.circuit, holders, title, ax=ax, size=size)

    def report(self) -> str:
        """What was chosen and why, in some lines of text."""
        plain = "not made" if self.plain_cost is None else str(self.plain_cost)
        lines = [
            f"{' – '.join(self.program.ends)} on {self.backend_name}",
            f"qubits: {', '.join(map(str, self.layout))} ({_ORIGINS[self.origin]})",
            *([f"calibrated: {self.calibrated_at}"] if self.calibrated_at else []),
            f"cost: {self.cost}",
            f"plain transpilation at level 3: {plain}",
            f"medium: {self._medium_text()}",
            *([f"decoupling: {self.decoupling}"] if self.decoupling else []),
            f"corrections: {self.corrections}",
            *(f"  {choice}" for choice in self.choices),
        ]
        unknown = stated_by_target(self.circuit, self.target, latency_s=self.latency_s).unknown
        if unknown:
            lines.append(f"not stated by the target: {'; '.join(unknown)}")
        for what, variants in (("measured in the middle", self.measured_by), ("reset", self.reset_by)):
            for name in sorted(set(variants.values())):
                qubits = [str(q) for q, variant in variants.items() if variant == name]
                lines.append(f"{what} by {name}: qubits {', '.join(qubits)}")
        if self.spectators:
            lines.append(f"spectators: {', '.join(map(str, self.spectators))}")
        if self.told_plainly:
            lines.append(f"run as plain measurements and resets: {', '.join(self.told_plainly)}")
        if self.delay_rounding_s:
            lines.append(
                f"delays: rounded up to the device's clock, by at most {self.delay_rounding_s * 1e9:.3g} ns"
            )
        return "\n".join(lines)

    def _medium_text(self) -> str:
        waits = f"{self.drawn_waits} waits of a timeline" if self.drawn_waits else ""
        if self.medium == "play":
            told = f"played by random rotations, {self.randomizations} draws for each basis"
            return f"{told}; {waits} by the Pauli twirl of what they do to the memories" if waits else told
        if not self.dropped_channels and not waits:
            return "ideal, nothing to drop"
        channels = f"{self.dropped_channels} Pauli channels of the link" if self.dropped_channels else ""
        return f"dropped: {' and '.join(filter(None, (channels, waits)))} are not in the circuit"

    def _repr_html_(self) -> str:
        title, *lines = self.report().split("\n")
        rows = [(escape(name.strip()), text.strip()) for name, _, text in (line.partition(":") for line in lines)]
        return html_table(title, rows)

    def __repr__(self) -> str:
        return (
            f"<Prepared {'–'.join(self.program.ends)} on {self.backend_name}: {len(self.physical_qubits)} qubits, "
            f"corrections {self.corrections!r}, medium {self.medium!r}, {self.cost}>"
        )


_ORIGINS = {
    "search": "placed by the weighted search",
    "plain": "placed by Qiskit's level 3",
    "given": "as given",
    "pass manager": "by the given pass manager",
}


def used_qubits(circuit: QuantumCircuit) -> list[int]:
    """The qubits (by index) that a circuit does anything with, ascending."""
    qubit_of = {q: i for i, q in enumerate(circuit.qubits)}
    return sorted({qubit_of[q] for i in circuit.data if i.name not in ("barrier", "delay") for q in i.qubits})
