"""Multiple selection: several pairs are spent on one, and check each other before they are believed.

A *check* spends a pair to measure PP, P one of X, Y, Z, on both halves of another pair: a bilateral controlled
gate, then both halves of the checking pair are read and compared. On Φ⁺ the outcomes agree for ZZ and XX and
disagree for YY. A check catches the two errors on the checked pair that anticommute with P and misses P itself.
The checking pair brings errors of its own: two letters flip the comparison, the third passes and leaves the
checked pair with the error P. *Double selection* spends another pair to catch that one.

Spent pair i is read into ``outcome_a[i]`` and ``outcome_b[i]``, whose parity is herald i: it stands in the
metadata under ``"heralds"`` if it must be even and under ``"odd_heralds"`` if it must be odd (a check of YY); under
``"pairs"``, the qubits (by index) of the pairs that arrive, the kept one first.

Each docstring has a table of the heralds that an error flips: an error passes if it flips none. P on side a and Q
on side b of one pair count as the letter of PQ (I for XX, YY, ZZ); several pairs' errors flip what each of them
flips, and what is flipped twice is not flipped. Gates and readout are perfect in these statements.

References:
    K. Fujii, K. Yamamoto, Phys. Rev. A 80, 042308 (2009): double selection.
    N. H. Nickerson, Y. Li, S. C. Benjamin, Nat. Commun. 4, 1756 (2013): EXPEDIENT and STRINGENT.
    S. Krastanov, V. V. Albert, L. Jiang, Quantum 3, 123 (2019): 3-to-1 circuits and many more.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal, get_args

from qiskit.circuit import ClassicalRegister, QuantumCircuit, QuantumRegister, Qubit

PauliCheck = Literal["X", "Y", "Z"]
"""What a check measures on both halves of a pair: XX, YY or ZZ."""

PAULI_CHECKS: tuple[PauliCheck, ...] = get_args(PauliCheck)

_Pair = tuple[Qubit, Qubit]


def double_selection(check: PauliCheck = "Z") -> QuantumCircuit:
    """Purify by double selection (Fujii, Yamamoto 2009): the checking pair is checked itself.

    With ``"Z"``: bilateral CNOT from the kept pair to spent pair 0, then from spent pair 1 to spent pair 0; pair 0
    is measured in Z, pair 1 in X. From three Werner pairs, w = (4F − 1)/3: success probability
    P = (1 + w² + 2w³)/4, fidelity F′ = (1 + w + 7w² + 7w³)/(16P), whatever the check.

    ```
        kept_a: ──■──────────────────
                ┌─┴─┐┌───┐┌─┐
    spent_a[0]: ┤ X ├┤ X ├┤M├────────  outcome_a[0]
                └───┘└─┬─┘├─┴─┐┌─┐
    spent_a[1]: ───────■──┤ H ├┤M├───  outcome_a[1]
                          └───┘└─┘
    side b alike; kept if the outcomes of each spent pair agree
    ```

    The heralds that an error flips, for the check of ZZ:

    ```
    pair       X     Y     Z
    kept       0     0     -
    spent 0    0     0,1   1
    spent 1    0     0,1   1
    ```

    So the only error on one pair that passes is the kept pair's own Z (with ``"X"`` or ``"Y"``: its own X or Y).
    Both spent pairs must fail together to spoil the kept one: Z on both passes and leaves it in Φ⁻.

    Ports:
        ``kept_a``, ``kept_b``: the pair that is improved. ``spent_a``, ``spent_b``: two pairs, measured.
        ``outcome_a``, ``outcome_b``: two classical bits each, one for each spent pair.

    Args:
        check: ``"X"``, ``"Y"`` or ``"Z"``: what is measured on the kept pair, and so which of its errors passes.

    Raises:
        ValueError: if the check is unknown.

    >>> double_selection().metadata["heralds"]
    [[0, 2], [1, 3]]
    """
    _, guard = _basis_and_guard(_checked("check", check))
    circuit = _ports("double_selection", 2, {0: check})
    kept, spent = _pairs(circuit)
    _compare(circuit, kept, spent[0], check)
    _compare(circuit, spent[0], spent[1], guard)
    _read(circuit, {0: check, 1: guard})
    return circuit


def single_selection_3to1(first: PauliCheck = "Z", second: PauliCheck = "X") -> QuantumCircuit:
    """Purify one pair by two others: one checks it for ``first``, the other for ``second``.

    Any error on the kept pair is refused. From Werner pairs P and F′ are those of `double_selection`.

    ```
                     ┌───┐
        kept_a: ──■──┤ X ├───────────
                ┌─┴─┐└─┬─┘┌─┐
    spent_a[0]: ┤ X ├──┼──┤M├────────  outcome_a[0]
                └───┘  │  ├─┴─┐┌─┐
    spent_a[1]: ───────■──┤ H ├┤M├───  outcome_a[1]
                          └───┘└─┘
    side b alike; kept if the outcomes of each spent pair agree
    ```

    The heralds that an error flips, for ZZ and then XX:

    ```
    pair       X     Y     Z
    kept       0     0,1   1
    spent 0    0     0,1   1
    spent 1    -     1     1
    ```

    So the only error on one pair that passes is X on spent pair 1 (Z for ``second="Z"``): it goes over to the kept
    pair and its own reading does not show it.

    Ports:
        as `double_selection`.

    Args:
        first: ``"X"``, ``"Y"`` or ``"Z"``, checked by spent pair 0.
        second: another one of them, checked by spent pair 1.

    Raises:
        ValueError: if a check is unknown, or both are the same.

    >>> single_selection_3to1("X", "Y").metadata["odd_heralds"]
    [[1, 3]]
    """
    checks = {0: _checked("first", first), 1: _checked("second", second)}
    if first == second:
        raise ValueError(f"first and second must differ, or the kept pair's {first} passes; got {first!r} twice")
    circuit = _ports("single_selection_3to1", 2, checks)
    kept, spent = _pairs(circuit)
    for i, check in checks.items():
        _compare(circuit, kept, spent[i], check)
        _read(circuit, {i: check})
    return circuit


def expedient_round(check: PauliCheck = "Z") -> QuantumCircuit:
    """Check a pair by one that was purified first.

    In the manner of EXPEDIENT (Nickerson et al. 2013): spent pair 0 is checked by pair 1 for ZZ and by pair 2 for
    XX (for ``"X"`` and ``"Y"`` the other way round), then checks the kept pair. The protocol of that name strings
    several rounds together, beginning with `double_selection` for ``"Z"`` and ``"X"``, on the way to a GHZ state of
    four nodes; this is one round, for a pair. From four Werner pairs, w = (4F − 1)/3: P = (1 + w² + 4w³ + 2w⁴)/8,
    F′ = (1 + w + 5w² + 15w³ + 10w⁴)/(32P).

    ```
        kept_a: ───────────────■──────────
                        ┌───┐┌─┴─┐┌─┐
    spent_a[0]: ──■─────┤ X ├┤ X ├┤M├─────  outcome_a[0]
                ┌─┴─┐┌─┐└─┬─┘└───┘└─┘
    spent_a[1]: ┤ X ├┤M├──┼───────────────  outcome_a[1]
                └───┘└─┘  │  ┌───┐┌─┐
    spent_a[2]: ──────────■──┤ H ├┤M├─────  outcome_a[2]
                             └───┘└─┘
    side b alike; kept if the outcomes of each spent pair agree
    ```

    The heralds that an error flips, for the check of ZZ:

    ```
    pair       X     Y     Z
    kept       0     0     -
    spent 0    0,1   0,1,2 2
    spent 1    1     1,2   2
    spent 2    0     0,2   2
    ```

    So the only error on one pair that passes is the kept pair's own, of the letter that is checked. At least two
    spent pairs must fail together for the kept pair to be left with an error by them, one of them pair 2.

    Ports:
        ``kept_a``, ``kept_b``: the pair that is improved. ``spent_a``, ``spent_b``: three pairs, measured.
        ``outcome_a``, ``outcome_b``: three classical bits each, one for each spent pair.

    Args:
        check: ``"X"``, ``"Y"`` or ``"Z"``: what is measured on the kept pair, and so which of its errors passes.

    Raises:
        ValueError: if the check is unknown.

    >>> expedient_round().count_ops()["measure"]
    6
    """
    return _purified_check(_checked("check", check), "expedient_round", doubly=False)


def stringent_round(check: PauliCheck = "Z") -> QuantumCircuit:
    """Check a pair by one that was purified first and is checked again after.

    In the manner of STRINGENT (Nickerson et al. 2013): as `expedient_round`, and before spent pair 0 is measured
    pair 3 checks it once more, as in double selection. From five Werner pairs, w = (4F − 1)/3:
    P = (1 + 2w² + 4w³ + 5w⁴ + 4w⁵)/16, F′ = (1 + w + 6w² + 14w³ + 25w⁴ + 17w⁵)/(64P).

    ```
        kept_a: ───────────────■───────────────
                        ┌───┐┌─┴─┐┌───┐┌─┐
    spent_a[0]: ──■─────┤ X ├┤ X ├┤ X ├┤M├─────  outcome_a[0]
                ┌─┴─┐┌─┐└─┬─┘└───┘└─┬─┘└─┘
    spent_a[1]: ┤ X ├┤M├──┼─────────┼──────────  outcome_a[1]
                └───┘└─┘  │  ┌───┐  │  ┌─┐
    spent_a[2]: ──────────■──┤ H ├──┼──┤M├─────  outcome_a[2]
                             └───┘  │  ├─┴─┐┌─┐
    spent_a[3]: ────────────────────■──┤ H ├┤M├  outcome_a[3]
                                       └───┘└─┘
    side b alike; kept if the outcomes of each spent pair agree
    ```

    The heralds that an error flips, for the check of ZZ:

    ```
    pair       X     Y       Z
    kept       0     0       -
    spent 0    0,1   0,1,2,3 2,3
    spent 1    1     1,2,3   2,3
    spent 2    0     0,2     2
    spent 3    0     0,3     3
    ```

    So the only error on one pair that passes is the kept pair's own, of the letter that is checked. At least three
    spent pairs must fail together for the kept pair to be left with an error by them, pairs 2 and 3 among them.

    Ports:
        ``kept_a``, ``kept_b``: the pair that is improved. ``spent_a``, ``spent_b``: four pairs, measured.
        ``outcome_a``, ``outcome_b``: four classical bits each, one for each spent pair.

    Args:
        check: ``"X"``, ``"Y"`` or ``"Z"``: what is measured on the kept pair, and so which of its errors passes.

    Raises:
        ValueError: if the check is unknown.

    >>> len(stringent_round().metadata["pairs"])
    5
    """
    return _purified_check(_checked("check", check), "stringent_round", doubly=True)


def _purified_check(check: PauliCheck, name: str, *, doubly: bool) -> QuantumCircuit:
    circuit = _ports(name, 4 if doubly else 3, {0: check})
    kept, spent = _pairs(circuit)
    basis, guard = _basis_and_guard(check)
    # The last of these checks may leave spent pair 0 with an error, but one that its own reading shows.
    for i, letter in ((1, basis), (2, guard)):
        _compare(circuit, spent[0], spent[i], letter)
        _read(circuit, {i: letter})
    _compare(circuit, kept, spent[0], check)
    if doubly:
        _compare(circuit, spent[0], spent[3], guard)
    _read(circuit, {0: check, 3: guard} if doubly else {0: check})
    return circuit


def _checked(argument: str, check: PauliCheck) -> PauliCheck:
    if check not in PAULI_CHECKS:
        raise ValueError(f"{argument} must be one of {', '.join(PAULI_CHECKS)}; got {check!r}")
    return check


def _ports(name: str, spent: int, checks: Mapping[int, PauliCheck]) -> QuantumCircuit:
    sizes = {"kept_a": 1, "spent_a": spent, "spent_b": spent, "kept_b": 1}
    qubits = [QuantumRegister(size, port) for port, size in sizes.items()]
    bits = [ClassicalRegister(spent, port) for port in ("outcome_a", "outcome_b")]
    parities: dict[str, list[list[int]]] = {"heralds": [], "odd_heralds": []}
    for i in range(spent):
        parities["odd_heralds" if checks.get(i) == "Y" else "heralds"].append([i, spent + i])
    pairs = [[0, 2 * spent + 1], *([1 + i, 1 + spent + i] for i in range(spent))]
    metadata = {key: value for key, value in parities.items() if value} | {"pairs": pairs}
    return QuantumCircuit(*qubits, *bits, name=name, metadata=metadata)


def _pairs(circuit: QuantumCircuit) -> tuple[_Pair, list[_Pair]]:
    kept, *spent = ((circuit.qubits[a], circuit.qubits[b]) for a, b in circuit.metadata["pairs"])
    return kept, spent


def _basis_and_guard(check: PauliCheck) -> tuple[PauliCheck, PauliCheck]:
    """The basis a checking pair is read in, and the check that shows the error which this reading misses."""
    return ("Z", "X") if check == "Z" else ("X", "Z")


def _compare(circuit: QuantumCircuit, checked: _Pair, checking: _Pair, check: PauliCheck) -> None:
    for target, probe in zip(checked, checking, strict=True):
        if check == "Z":
            circuit.cx(target, probe)
        elif check == "X":
            circuit.cx(probe, target)
        else:
            circuit.cy(probe, target)


def _read(circuit: QuantumCircuit, checks: Mapping[int, PauliCheck]) -> None:
    _, spent_a, spent_b, _ = circuit.qregs
    for spent, outcome in zip((spent_a, spent_b), circuit.cregs, strict=True):
        for i, check in checks.items():
            if check != "Z":  # X and Y checks are read in X
                circuit.h(spent[i])
            circuit.measure(spent[i], outcome[i])
