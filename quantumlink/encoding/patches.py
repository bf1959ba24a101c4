"""Surface-code patches across a noisy seam, in stim: memories of one patch on two nodes, and lattice surgery.

A patch has rows and columns of data qubits and a check in each cell between them; cell (r, c) has data (r, c) at
its upper left. X checks where r + c is odd, Z checks elsewhere, on two qubits along the edges: X's above and below,
Z's on the left and the right. So logical X is a column, logical Z a row. A vertical seam parts the nodes: data left
of column ``seam`` are at one node, all others and the cells that reach across at the other. A gate from such a cell
to the column left of the seam is *remote*.

Every round resets all checks, plays four layers of CX and measures the checks. Errors: depolarizing of strength
``local`` after each gate, a flip of that probability after each reset and before each measurement, depolarizing of
data once a round; and depolarizing of strength ``remote`` after each remote CX in the place of the local one.

References:
    J. Ramette, J. Sinclair, N. P. Breuckmann, V. Vuletić, npj Quantum Inf. 10, 58 (2024): noisy interfaces.
    D. Horsman, A. G. Fowler, S. Devitt, R. Van Meter, New J. Phys. 14, 123011 (2012): lattice surgery.
    Y. Tomita, K. M. Svore, Phys. Rev. A 90, 062320 (2014): the order of the gates.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from quantumlink import validation
from quantumlink.codes.sampled import stim_module

if TYPE_CHECKING:
    import stim  # type: ignore[import-untyped]

Basis = Literal["X", "Z"]
"""Which logical operator is kept, or looked at."""

_Place = tuple[int, int]

# Corners of a cell in the order of the gates: the last two of a check lie across its logical operator.
_ORDER: dict[str, tuple[_Place, ...]] = {
    "X": ((0, 0), (0, 1), (1, 0), (1, 1)),
    "Z": ((0, 0), (1, 0), (0, 1), (1, 1)),
}


@dataclass(frozen=True)
class Patch:
    """Rows and columns of data qubits, and the checks of the cells between them."""

    rows: int
    columns: int
    seam: int
    """The first column of the second node."""

    def checks(self) -> dict[_Place, str]:
        """Every check's cell and its letter."""
        found = {}
        for r in range(-1, self.rows):
            for c in range(-1, self.columns):
                letter = "X" if (r + c) % 2 else "Z"
                inside = len(self.corners((r, c), letter))
                edge = "X" if r in (-1, self.rows - 1) else "Z"
                if inside == 4 or (inside == 2 and letter == edge):
                    found[r, c] = letter
        return found

    def corners(self, cell: _Place, letter: str) -> dict[int, _Place]:
        """The data qubits of a cell by the layer in which they have their gate."""
        places = ((cell[0] + dr, cell[1] + dc) for dr, dc in _ORDER[letter])
        return {k: (r, c) for k, (r, c) in enumerate(places) if 0 <= r < self.rows and 0 <= c < self.columns}

    def is_remote(self, cell: _Place, data: _Place) -> bool:
        """Whether a gate reaches across the seam."""
        return cell[1] >= self.seam - 1 and data[1] < self.seam


@dataclass(eq=False)
class _Experiment:
    """A circuit under construction, and where each measurement stands in its record."""

    patch: Patch
    local: float
    remote: float
    circuit: stim.Circuit = field(default_factory=lambda: stim_module().Circuit())
    measured: int = 0
    last: dict[_Place, int] = field(default_factory=dict)
    """The record of each check's last measurement."""

    def __post_init__(self) -> None:
        self.checks = self.patch.checks()
        rows, columns = self.patch.rows, self.patch.columns
        data = [(r, c) for r in range(rows) for c in range(columns)]
        self.data = {place: i for i, place in enumerate(data)}
        self.ancilla = {cell: len(data) + i for i, cell in enumerate(self.checks)}

    def add(self, gate: str, qubits: list[int], strength: float | None = None) -> None:
        if qubits and strength != 0:
            self.circuit.append(gate, qubits, *(() if strength is None else (strength,)))

    def prepare(self, basis: str, places: list[_Place]) -> None:
        qubits = [self.data[place] for place in places]
        self.add("R" if basis == "Z" else "RX", qubits)
        self.add("X_ERROR" if basis == "Z" else "Z_ERROR", qubits, self.local)

    def measure(self, basis: str, places: list[_Place]) -> dict[_Place, int]:
        """Measure data; where each stands in the record."""
        qubits = [self.data[place] for place in places]
        self.add("X_ERROR" if basis == "Z" else "Z_ERROR", qubits, self.local)
        self.add("M" if basis == "Z" else "MX", qubits)
        first, self.measured = self.measured, self.measured + len(qubits)
        return {place: first + i for i, place in enumerate(places)}

    def round(self, known: str) -> dict[_Place, int]:
        """One round of all checks; of the first one, checks of the known letter are certain."""
        ancillas = list(self.ancilla.values())
        turned = [self.ancilla[cell] for cell, letter in self.checks.items() if letter == "X"]
        self.add("DEPOLARIZE1", list(self.data.values()), self.local)
        self.add("R", ancillas)
        self.add("X_ERROR", ancillas, self.local)
        self._turn(turned)
        for layer in range(4):
            self._layer(layer)
        self._turn(turned)
        self.add("X_ERROR", ancillas, self.local)
        self.add("M", ancillas)
        before, self.last = self.last, {cell: self.measured + i for i, cell in enumerate(self.ancilla)}
        self.measured += len(ancillas)
        for cell, letter in self.checks.items():
            if before:
                self.detect([before[cell], self.last[cell]])
            elif letter == known:
                self.detect([self.last[cell]])
        return self.last

    def _turn(self, qubits: list[int]) -> None:
        self.add("H", qubits)
        self.add("DEPOLARIZE1", qubits, self.local)

    def _layer(self, layer: int) -> None:
        near: list[int] = []
        far: list[int] = []
        for cell, letter in self.checks.items():
            place = self.patch.corners(cell, letter).get(layer)
            if place is not None:
                pair = [self.ancilla[cell], self.data[place]]
                (far if self.patch.is_remote(cell, place) else near).extend(pair if letter == "X" else pair[::-1])
        self.add("CX", near + far)
        self.add("DEPOLARIZE2", near, self.local)
        self.add("DEPOLARIZE2", far, self.remote)

    def detect(self, records: list[int]) -> None:
        self.circuit.append("DETECTOR", self._targets(records))

    def observe(self, records: list[int]) -> None:
        self.circuit.append("OBSERVABLE_INCLUDE", self._targets(records), 0)

    def _targets(self, records: list[int]) -> list[Any]:
        return [stim_module().target_rec(record - self.measured) for record in records]

    def close(self, letter: str, data: dict[_Place, int]) -> None:
        """Compare the last round of checks of a letter with what was measured of their data."""
        for cell, its_letter in self.checks.items():
            places = self.patch.corners(cell, its_letter).values()
            if its_letter == letter and all(place in data for place in places):
                self.detect([self.last[cell], *(data[place] for place in places)])


def seam_memory(
    distance: int, *, local: float, remote: float, rounds: int | None = None, basis: Basis = "Z"
) -> stim.Circuit:
    """A memory of one logical qubit in a patch that a seam cuts in the middle: its circuit, with errors.

    Args:
        distance: rows and columns of data qubits, odd, at least 3.
        local: strength of every error but those of remote gates, in [0, 1/2].
        remote: strength of the depolarizing error of each CX across the seam, in [0, 15/16].
        rounds: rounds of checks; as many as the distance if None.
        basis: the logical operator that is kept. Z is turned round by chains of X along the seam, which are the
            likelier ones; X by chains of Z across it.

    Raises:
        ValueError: if an argument is out of range.
        ModuleNotFoundError: without stim.

    >>> from quantumlink.encoding import seam_memory
    >>> circuit = seam_memory(3, local=1e-3, remote=1e-2)
    >>> circuit.num_observables, circuit.num_detectors > 0
    (1, True)
    """
    distance, rounds = _checked(distance, local, remote, rounds, basis)
    made = _Experiment(Patch(distance, distance, (distance + 1) // 2), local, remote)
    places = list(made.data)
    made.prepare(basis, places)
    for _ in range(rounds):
        made.round(basis)
    data = made.measure(basis, places)
    made.close(basis, data)
    kept = [(0, i) for i in range(distance)] if basis == "Z" else [(i, 0) for i in range(distance)]
    made.observe([data[place] for place in kept])
    return made.circuit


def lattice_surgery(
    distance: int, *, local: float, remote: float, rounds: int | None = None, basis: Basis = "Z"
) -> stim.Circuit:
    """A logical Bell pair between two patches by lattice surgery across a seam: its circuit, with errors.

    Two patches in logical |00⟩ are merged over a column of qubits between them in |0⟩: the checks that reach it
    measure the logical XX. Reading that column in Z splits them again. Then both patches are read in Z or in X: the
    observable is the logical ZZ or XX, put right by what the surgery measured: if flipped, the pair has an error.

    Args:
        distance: of each patch, odd, at least 3.
        local: strength of every error but those of remote gates, in [0, 1/2].
        remote: strength of the depolarizing error of each CX across the seam, in [0, 15/16].
        rounds: rounds while they are merged; as many as the distance if None.
        basis: ``"Z"`` to look at ZZ, ``"X"`` at XX.

    Raises:
        ValueError: if an argument is out of range.
        ModuleNotFoundError: without stim.

    >>> from quantumlink.encoding import lattice_surgery
    >>> lattice_surgery(3, local=1e-3, remote=1e-2, basis="Z").num_observables
    1
    """
    distance, rounds = _checked(distance, local, remote, rounds, basis)
    d = distance
    made = _Experiment(Patch(d, 2 * d + 1, d), local, remote)
    between = [(r, d) for r in range(d)]
    patches = [place for place in made.data if place[1] != d]
    made.prepare("Z", list(made.data))
    merged, *_ = [made.round("Z") for _ in range(rounds)]
    split = made.measure("Z", between)
    data = made.measure(basis, patches)
    made.close(basis, data | split if basis == "Z" else data)
    if basis == "Z":
        row = [data.get((0, c), split.get((0, c))) for c in range(2 * d + 1)]
        made.observe([record for record in row if record is not None])
    else:
        # All X checks together are X on the outermost columns: the first time they were measured.
        joint = [merged[cell] for cell, letter in made.checks.items() if letter == "X"]
        made.observe([data[r, c] for r in range(d) for c in (0, 2 * d)] + joint)
    return made.circuit


def _checked(distance: Any, local: float, remote: float, rounds: Any, basis: Any) -> tuple[int, int]:
    distance = validation.count("distance", distance, at_least=3)
    if distance % 2 == 0:
        raise ValueError(f"distance must be odd, got {distance}")
    validation.number("local", local, at_least=0.0, at_most=0.5)
    validation.number("remote", remote, at_least=0.0, at_most=15 / 16)
    validation.choice("basis", basis, ("X", "Z"))
    return distance, distance if rounds is None else validation.count("rounds", rounds, at_least=1)
