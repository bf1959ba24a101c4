"""What it takes to break an algorithm with a quantum computer, as published; each figure with its source.

Estimates fall from paper to paper: the logical counts here are upper bounds from published circuits, not a
forecast.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil, log2

from quantumlink.keys.migration.algorithms import Algorithm


@dataclass(frozen=True)
class Estimate:
    """One published estimate."""

    text: str
    source: str
    logical_qubits: int | None = None
    toffoli_gates: float | None = None


def estimates_of(algorithm: Algorithm) -> tuple[Estimate, ...]:
    """The estimates for an algorithm; none for those that stand.

    >>> from quantumlink.keys.migration import algorithm
    >>> estimates_of(algorithm("ECDSA P-256"))[0].logical_qubits
    2330
    """
    match algorithm.problem:
        case "factoring":
            return _factoring(algorithm.bits)
        case "finite field":
            return (_gidney_ekera(algorithm.bits, "about as for RSA of the same size; "),)
        case "elliptic curve":
            return _curve(algorithm.bits)
        case "key search":
            return _search(algorithm)
    return ()


def _factoring(bits: int) -> tuple[Estimate, ...]:
    found = [_gidney_ekera(bits)]
    if bits == 2048:
        found.append(
            Estimate(
                "20 million noisy qubits for 8 hours (gates at an error of 1e-3)",
                "C. Gidney, M. Ekerå, Quantum 5, 433 (2021)",
            )
        )
        found.append(
            Estimate("fewer than a million noisy qubits for less than a week", "C. Gidney, arXiv:2505.15917 (2025)")
        )
    return tuple(found)


def _gidney_ekera(n: int, before: str = "") -> Estimate:
    """3n + 0.002 n lg n logical qubits and 0.3 n³ + 0.0005 n³ lg n Toffoli gates: the abstract of the paper."""
    qubits = ceil(3 * n + 0.002 * n * log2(n))
    gates = 0.3 * n**3 + 0.0005 * n**3 * log2(n)
    source = "C. Gidney, M. Ekerå, Quantum 5, 433 (2021)"
    return Estimate(f"{before}{qubits:,} logical qubits, {gates:.1e} Toffoli gates", source, qubits, gates)


def _curve(n: int) -> tuple[Estimate, ...]:
    """9n + 2⌈lg n⌉ + 10 logical qubits, at most 448 n³ lg n + 4090 n³ Toffoli gates, and newer ones."""
    qubits = 9 * n + 2 * ceil(log2(n)) + 10
    gates = 448 * n**3 * log2(n) + 4090 * n**3
    found = [
        Estimate(
            f"{qubits:,} logical qubits, at most {gates:.1e} Toffoli gates",
            "M. Roetteler, M. Naehrig, K. Svore, K. Lauter, ASIACRYPT 2017, arXiv:1706.06752",
            qubits,
            gates,
        )
    ]
    if n in (255, 256):
        found.append(
            Estimate("some 50 million Toffoli gates a key", "D. Litinski, arXiv:2306.08585 (2023)", None, 50e6)
        )
        found.append(
            Estimate(
                "about 1,200 logical qubits and 90 million Toffoli gates, fewer than 500,000 noisy qubits",
                "R. Babbush, C. Gidney and others (2026); its circuits are not published",
                1200,
                90e6,
            )
        )
    return tuple(found)


_AES_QUBITS = {128: 2953, 192: 4449, 256: 6681}


def _search(algorithm: Algorithm) -> tuple[Estimate, ...]:
    steps = f"some 2^{algorithm.bits // 2} evaluations, one after the other"
    if algorithm.family == "AES":
        qubits = _AES_QUBITS[algorithm.bits]
        source = "M. Grassl, B. Langenberg, M. Roetteler, R. Steinwandt, PQCrypto 2016, arXiv:1512.04965"
        return (Estimate(f"{qubits:,} logical qubits, {steps}", source, qubits),)
    return (Estimate(steps, "L. K. Grover, STOC 1996"),)
