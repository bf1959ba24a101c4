"""Algorithms by their usual names, and what a quantum computer does to each.

Shor's algorithm solves factoring and discrete logarithms in polynomial time: RSA, Diffie–Hellman and elliptic
curves fall whatever their size. Grover's search finds a key of k bits in some 2^(k/2) evaluations one after the
other, and gains little from many machines (C. Zalka, Phys. Rev. A 60, 2746 (1999)): it weakens ciphers and hashes,
and does not break them.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import Final, Literal

from quantumlink import validation

Verdict = Literal["broken today", "falls to Shor", "weakened by Grover", "stands"]
Use = Literal["exchange", "signature", "cipher", "hash"]
"""What an algorithm is for: agreeing on keys or sending them, signing, encrypting, hashing."""
Problem = Literal["factoring", "finite field", "elliptic curve", "key search", "collision", "none"]


@dataclass(frozen=True)
class Algorithm:
    """An algorithm as an inventory names it."""

    name: str
    family: str
    use: Use
    problem: Problem
    """The problem that an attacker with a quantum computer solves."""
    bits: int
    """Bits of the modulus, curve, key or digest."""
    classical_bits: float
    """Bits of security against computers as they are: 2^this operations (SP 800-57, part 1, table 2)."""

    def __post_init__(self) -> None:
        validation.counts(self, "bits", at_least=1)
        bits = validation.number("classical_bits", self.classical_bits, at_least=0.0)
        object.__setattr__(self, "classical_bits", bits)

    @property
    def verdict(self) -> Verdict:
        """What becomes of it: today if below 112 bits of security, else by a quantum computer."""
        if self.classical_bits < 112:
            return "broken today"
        if self.problem in ("factoring", "finite field", "elliptic curve"):
            return "falls to Shor"
        return "weakened by Grover" if self.problem == "key search" and self.bits < 256 else "stands"

    @property
    def quantum_bits(self) -> float:
        """Bits of security against an ideal quantum computer that runs one search for as long as it takes."""
        if self.problem in ("factoring", "finite field", "elliptic curve"):
            return 0.0
        return self.bits / 2 if self.problem == "key search" else self.classical_bits

    @property
    def replacement(self) -> str:
        """What takes its place."""
        if self.verdict == "stands":
            return "none needed"
        if self.use == "exchange":
            return "ML-KEM (FIPS 203) beside X25519, and a QKD key where there is one"
        if self.use == "signature":
            return "ML-DSA (FIPS 204); for what is signed once and trusted long, SLH-DSA (FIPS 205)"
        return "AES-256" if self.use == "cipher" else "SHA-384 or SHA3-256"


_FACTORING: Final = {1024: 80, 2048: 112, 3072: 128, 4096: 140, 7680: 192, 8192: 200, 15360: 256}
_CURVES: Final = {
    "P-192": 192, "P-224": 224, "P-256": 256, "P-384": 384, "P-521": 521, "SECP256K1": 256, "SECP256R1": 256,
    "SECP384R1": 384, "SECP521R1": 521, "BRAINPOOLP256R1": 256, "BRAINPOOLP384R1": 384, "BRAINPOOLP512R1": 512,
}  # fmt: skip
_STANDS: Final[dict[str, tuple[Use, dict[int, int]]]] = {
    "ML-KEM": ("exchange", {512: 128, 768: 192, 1024: 256}),
    "ML-DSA": ("signature", {44: 128, 65: 192, 87: 256}),
    "SLH-DSA": ("signature", {128: 128, 192: 192, 256: 256}),
    "FRODOKEM": ("exchange", {640: 128, 976: 192, 1344: 256}),
    "LMS": ("signature", {256: 256}),
    "XMSS": ("signature", {256: 256}),
    "QKD": ("exchange", {256: 256}),
}
_BROKEN: Final[dict[str, tuple[Use, int, int]]] = {
    "DES": ("cipher", 56, 56), "RC4": ("cipher", 128, 40), "MD5": ("hash", 128, 18), "SHA-1": ("hash", 160, 61),
    "2TDEA": ("cipher", 112, 80),
}  # fmt: skip


_NAMED_TOGETHER: Final = {
    "X25519MLKEM768": "X25519 + ML-KEM-768", "SECP256R1MLKEM768": "ECDHE P-256 + ML-KEM-768",
    "SECP384R1MLKEM1024": "ECDHE P-384 + ML-KEM-1024",
}  # fmt: skip


def algorithm(name: str) -> Algorithm:
    """The algorithm of a name such as ``"RSA-2048"``, ``"ECDSA P-256"``, ``"X25519"``, ``"AES-128-GCM"``.

    RSA counts as key transport; write ``"RSA-2048 signature"`` for signing. What is combined, so that all parts
    must be broken, is one name: ``"X25519 + ML-KEM-768"``; of what stands apart an attacker takes the weakest.

    Raises:
        ValueError: if the name is unknown: an algorithm that is not recognized must not pass for a safe one.

    >>> found = algorithm("ECDHE P-256")
    >>> found.verdict, found.quantum_bits
    ('falls to Shor', 0.0)
    >>> algorithm("AES-128-GCM").quantum_bits
    64.0
    """
    text = re.sub(r"\s+", " ", name.strip()).upper().replace("_", "-")
    text = _NAMED_TOGETHER.get(text, text)
    if "+" in text:
        return _strongest(name, [algorithm(part) for part in text.split("+")])
    for read in (_broken, _standing, _edwards, _curve, _modulus, _cipher, _hash):
        if (found := read(name, text)) is not None:
            return found
    raise ValueError(
        f"the algorithm {name!r} is not known; known are RSA-n, DH-n, DSA-n, ECDH(E) and ECDSA with a curve, "
        f"X25519, X448, Ed25519, Ed448, AES-n, Camellia-n, ChaCha20, 3DES, SHA-n, SHA3-n, HMAC, "
        f"{', '.join((*_STANDS, *_BROKEN))}"
    )


def _strongest(name: str, parts: list[Algorithm]) -> Algorithm:
    """The part that holds longest: all of them must be broken."""
    if len({part.use for part in parts}) != 1:
        raise ValueError(f"the parts of {name!r} must be for one use, got {', '.join(part.use for part in parts)}")
    best = max(parts, key=lambda part: (part.verdict != "broken today", part.quantum_bits, part.classical_bits))
    return replace(best, name=name)


def _broken(name: str, text: str) -> Algorithm | None:
    word = text.removesuffix("-CBC")
    if word in ("3DES", "3TDEA", "TDEA"):
        return Algorithm(name, "3DES", "cipher", "key search", 168, 112)
    if word not in _BROKEN:
        return None
    use, bits, security = _BROKEN[word]
    return Algorithm(name, word, use, "key search" if use == "cipher" else "collision", bits, security)


def _standing(name: str, text: str) -> Algorithm | None:
    for family, (use, sizes) in _STANDS.items():
        match = re.fullmatch(rf"{family}(?:[- ](?:SHA2-|SHAKE-)?([0-9]+)[SF]?)?", text)
        if match:
            bits = int(match[1]) if match[1] else max(sizes)
            return Algorithm(name, family, use, "none", bits, _of_size(name, bits, sizes))
    return None


def _edwards(name: str, text: str) -> Algorithm | None:
    match = re.fullmatch(r"(?:ECDHE? |EDDSA )?(X|ED)-?(25519|448)", text)
    if match is None:
        return None
    use: Use = "exchange" if match[1] == "X" else "signature"
    bits, security = (255, 128) if match[2] == "25519" else (448, 224)
    return Algorithm(name, f"{match[1]}{match[2]}", use, "elliptic curve", bits, security)


def _curve(name: str, text: str) -> Algorithm | None:
    match = re.fullmatch(r"(ECDHE?|ECDSA|ECIES|ECMQV)[- ]([A-Z0-9-]+)", text)
    if match is None:
        return None
    curve = re.sub(r"^(NIST )?P-?([0-9]+)$", r"P-\2", match[2])
    if curve not in _CURVES:
        raise ValueError(f"the curve of {name!r} is not known; known are {', '.join(_CURVES)}")
    use: Use = "signature" if match[1] == "ECDSA" else "exchange"
    return Algorithm(name, match[1], use, "elliptic curve", _CURVES[curve], min(256, _CURVES[curve] // 2))


def _modulus(name: str, text: str) -> Algorithm | None:
    match = re.fullmatch(r"(RSA|DHE?|FFDHE|DSA)(-PSS|-OAEP)?[- ]?([0-9]{3,5})( SIGNATURES?)?", text)
    if match is None:
        return None
    family, bits = match[1], int(match[3])
    signs = family == "DSA" or match[2] == "-PSS" or bool(match[4])
    security = max((s for size, s in _FACTORING.items() if size <= bits), default=0)
    problem: Problem = "factoring" if family == "RSA" else "finite field"
    return Algorithm(name, family, "signature" if signs else "exchange", problem, bits, security)


def _cipher(name: str, text: str) -> Algorithm | None:
    if re.fullmatch(r"(X?CHACHA20)(-POLY1305)?", text):
        return Algorithm(name, "CHACHA20", "cipher", "key search", 256, 256)
    match = re.fullmatch(r"(AES|CAMELLIA|ARIA)-?([0-9]+)(-[A-Z0-9-]+)?", text)
    if match is None:
        return None
    bits = _of_size(name, int(match[2]), {128: 128, 192: 192, 256: 256})
    return Algorithm(name, match[1], "cipher", "key search", int(bits), bits)


def _hash(name: str, text: str) -> Algorithm | None:
    match = re.fullmatch(r"(HMAC-|HKDF-)?(SHA-?|SHA2-|SHA-2-|SHA3-)(224|256|384|512)", text)
    if match is None:
        return None
    bits = int(match[3])
    # Known quantum collision searches cost more than classical ones once memory counts (D. J. Bernstein, SHARCS
    # 2009).
    return Algorithm(name, match[2].rstrip("-"), "hash", "collision", bits, bits if match[1] else bits / 2)


def _of_size(name: str, bits: int, sizes: dict[int, int]) -> float:
    if bits not in sizes:
        raise ValueError(f"the size of {name!r} must be one of {', '.join(map(str, sizes))}, got {bits}")
    return sizes[bits]
