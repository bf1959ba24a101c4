"""Encoded links: n pairs that both ends measure into a code, compare and correct: a logical pair is left."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Any, ClassVar

from qiskit.circuit import QuantumCircuit
from quantumlink_circuits.codes import checked_stabilizers, destabilizers
from quantumlink_circuits.correcting import corrected_bell_pair
from quantumlink_circuits.encoding import compared_syndromes
from quantumlink_circuits.ports import Port

from quantumlink import validation
from quantumlink.circuits import Code, Operation, known_code, known_operation
from quantumlink.codes.decoders import Decoder, Lookup, as_decoder, check_fit, decoder_names, is_decoder
from quantumlink.codes.recovery import correction_signs
from quantumlink.link.joins import Join, Swap, joined
from quantumlink.link.tree import Link

MOST_PLAYED = 8
"""Most stabilizers of a code whose corrections are written into a circuit, a condition a syndrome."""

DETECT = "detect"
"""As ``decode=``: nothing is corrected, and runs whose syndromes differ are refused."""


class LogicalOperation(Operation):
    """An operation on the physical qubits of a code that delivers logical ones.

    Its circuit is what nodes do with their physical qubits; states are told of the logical ones. What `compose`
    builds, on bare qubits that were taken out of the code, is ``played``.
    """

    played: QuantumCircuit
    """A circuit on the same ports that delivers bare qubits."""

    _fields: ClassVar[tuple[str, ...]] = (*Operation._fields, "code", "decoder", "detects")
    takes_any_link: ClassVar[bool] = False

    code: Code
    """The code."""
    decoder: Decoder
    """What turns syndromes into corrections."""
    detects: bool
    """Whether runs whose syndromes differ are refused, and none corrected."""

    def __init__(self, operation: Operation, code: Code, decoder: Decoder, *, detects: bool = False) -> None:
        self.__dict__.update({name: getattr(operation, name) for name in Operation._fields})
        self.code, self.decoder, self.detects = code, decoder, detects

    @property
    def _content(self) -> tuple[Any, ...]:
        return (*super()._content, self.code, self.decoder, self.detects)


class Encoding(LogicalOperation):
    """n pairs are measured into a code on both sides, their syndromes compared, and what differs is corrected."""

    @cached_property
    def played(self) -> QuantumCircuit:
        """A circuit that a simulator or a device can play: what it delivers is taken out of the code.

        Raises:
            ValueError: if the code has too many stabilizers.
        """
        if self.detects:  # its heralds compare what each side found: side b must not be told before it measures
            return corrected_bell_pair(self.code, None, self.name)
        r = len(self.code.stabilizers)
        if r > MOST_PLAYED:
            raise ValueError(
                f"an encoded link is composed with a condition for each syndrome, of at most {MOST_PLAYED} "
                f"stabilizers; {self.code!r} has {r}: evaluate and simulate tell it, without a circuit"
            )
        signs = correction_signs(self.code, self.decoder)
        letters = ["IZXY"[int(x) + 2 * int(z)] for x, z in zip(signs[1] < 0, signs[3] < 0, strict=True)]
        return corrected_bell_pair(self.code, letters, self.name)


class LogicalSwap(LogicalOperation):
    """Two logical pairs are joined qubit by qubit: n Bell measurements, whose outcomes are decoded together."""

    _fields: ClassVar[tuple[str, ...]] = (*LogicalOperation._fields, "factors")

    factors: tuple[float, ...] = ()
    """What multiplies each of the 16 coefficients that come of states alone, for what noisy circuits left on the
    links: see `with_factors`. Without any, nothing is left on them."""

    @property
    def _content(self) -> tuple[Any, ...]:
        return (*super()._content, self.factors)

    def with_factors(self, factors: Sequence[float]) -> LogicalSwap:
        """The same, of links on which noisy circuits have left something."""
        result = self.plain._alike()
        assert isinstance(result, LogicalSwap)
        result.factors = tuple(float(factor) for factor in factors)
        return result

    @property
    def played(self) -> QuantumCircuit:
        """That of one pair of qubits: composed links are taken out of their codes."""
        return self.circuit


@dataclass(frozen=True, eq=False, repr=False)
class Encoded(Join):
    """A logical pair in a code: see `encode`."""

    operation: Encoding

    @property
    def code(self) -> Code:
        """The code."""
        return self.operation.code

    @property
    def decoder(self) -> Decoder:
        """What turns syndromes into corrections."""
        return self.operation.decoder

    @property
    def physical(self) -> Link:
        """The link that it is made of, n times."""
        return self.links[0]

    @property
    def does(self) -> str:
        """What is done, in words."""
        how = "detected only" if self.operation.detects else f"corrected by {self.decoder.name}"
        return f"encode in {self.code.name}, {how}: {self.left}–{self.right}"

    @property
    def caption(self) -> str:
        """What is done, as briefly as a picture has room for."""
        return f"encode: {self.code.name}"


def encode(link: Link, code: str | Code | Sequence[str] = "steane", decode: str | Decoder = "lookup") -> Encoded:
    """A logical Bell pair in a code, of as many copies of a link as the code has qubits; errors are corrected.

    Both ends measure the code's stabilizers on their n qubits (side b in the complex conjugate code), tell each
    other what they found, and decode the difference: one message each way, and no run is refused. What is
    delivered are the logical qubits, as a round of correction without errors would find them. `evaluate`,
    `forecast` and `simulate` tell their state; errors of gates, resets and readout of the nodes act in the
    measurements of the stabilizers, of which there is one round: such circuits are not fault tolerant. Corrections
    are kept as a Pauli frame and cost no gate.

    `swap` joins two links that are encoded alike qubit by qubit, and corrects once more (a repeater of the second
    generation). The relay decodes together what noisy circuits left on its two sides and what the swap adds. Codes
    that are too large to be followed exactly are swapped as if a round without errors came before, which is told.

    Everything else takes the logical qubits out of the code first, as if that were perfect, and acts on bare qubits
    with the nodes' own errors; what waits in a memory decays as a bare qubit does.

    Args:
        link: a link of two ends, of which n copies are used; however it is made.
        code: a name (``"steane"``, ``"five_qubit"``, ``"surface:5"``, ``"repetition_z:3"``, or one that was
            registered), a `Code`, or stabilizers such as ``["ZZI", "IZZ"]``; of one logical qubit.
        decode: ``"lookup"`` (a table, small codes), ``"matching"`` (surface and repetition codes) or ``"bposd"``
            (any code), the latter two with the extra ``qec``; an object with a ``name`` and ``corrections(code,
            syndromes)``; or ``"detect"``, which corrects nothing and refuses runs whose syndromes differ.

    Returns:
        A link between the same two nodes that uses n times the pairs.

    Raises:
        ValueError: if the code is unknown, its stabilizers do not commute, depend on each other or differ in
            length, it has no logical qubit or several, or the decoder does not fit it.
        ModuleNotFoundError: if the decoder needs an extra that is missing.
        TypeError: if an argument is of the wrong kind.

    >>> from quantumlink.hardware import Node
    >>> from quantumlink.link import ElementaryLink
    >>> encode(ElementaryLink(Node("a"), Node("b"), fidelity=0.99))
    <Encoded a–b, 7 elementary pairs>
    """
    validation.instance("link", link, Link, "a link")
    if len(link.ends) != 2:
        raise ValueError(f"encode takes a link of two ends, got {link!r} with {len(link.ends)}")
    operation = _encoding(as_code(code), *_as_decode(decode))
    made = joined(Encoded, operation, (link,) * operation.code.qubits)
    assert isinstance(made, Encoded)
    return made


def end_encoding(link: Link, end: int) -> Encoding | None:
    """How the qubit at the left (0) or the right end (1) of a link is encoded; None if it is a bare one."""
    while isinstance(link, Swap):
        link = link.links[end]
    return link.operation if isinstance(link, Encoded) else None


def logical_swap(left: Link, right: Link) -> LogicalSwap | None:
    """How two links are swapped that are encoded alike where they meet; None if one of them is not encoded.

    Raises:
        ValueError: if both are encoded, in different ways.
    """
    mine, other = end_encoding(left, 1), end_encoding(right, 0)
    if mine is None or other is None:
        return None
    if mine.code != other.code or mine.decoder != other.decoder:
        raise ValueError(
            f"links that are swapped in their code must be encoded alike: at {left.right.name!r} the left one is "
            f"{mine.name!r}, the right one {other.name!r}"
        )
    return _logical_swap(mine.code, mine.decoder)


def as_code(given: Any) -> Code:
    """A code of one logical qubit: of its name, its stabilizers, or itself.

    Raises:
        ValueError: if it is unknown, no code, or has another number of logical qubits.
        TypeError: if it is none of these.
    """
    code = known_code(given) if isinstance(given, str) else given
    if not isinstance(code, Code):
        matrix = checked_stabilizers(code)
        if (
            matrix.shape[1] // 2 - len(matrix) != 1
        ):  # told before logical operators are looked for, which takes long
            destabilizers(matrix)  # refuses what is not independent
            raise _no_logical_pair(f"stabilizers such as {code[0]!r}"[:60], matrix.shape[1] // 2, len(matrix))
        code = Code(code)
    if code.logical_qubits != 1:
        raise _no_logical_pair(repr(code), code.qubits, len(code.stabilizers))
    return code


def _no_logical_pair(told: str, qubits: int, stabilizers: int) -> ValueError:
    held, more = "no logical qubit", "leave a stabilizer out"
    if qubits > stabilizers:
        held, more = f"{qubits - stabilizers} logical qubits", "add stabilizers, such as a logical operator"
    return ValueError(
        f"code must have one logical qubit for a logical pair, {told} has {held} ({qubits} qubits, {stabilizers} "
        f"stabilizers): {more}"
    )


def _as_decode(given: Any) -> tuple[Decoder, bool]:
    """The decoder, and whether errors are only detected."""
    if isinstance(given, str) and given == DETECT:
        return Lookup(), True
    if isinstance(given, str) and not is_decoder(given):
        validation.choice("decode", given, (*decoder_names(), DETECT))
    return as_decoder("decode", given), False


@lru_cache(maxsize=128)
def _encoding(code: Code, decoder: Decoder, detects: bool) -> Encoding:
    check_fit(code, decoder)
    name = f"{code.name} by {DETECT if detects else decoder.name}"
    sides: dict[Port, str] = {"data_a": "a", "check_a": "a", "data_b": "b", "check_b": "b"}
    operation = Operation(
        compared_syndromes(code.stabilizers, name),
        outputs=["data_a[0]", "data_b[0]"],
        heralds=None if detects else (),
        sites=sides,
        name=name,
    )
    return Encoding(operation, code, decoder, detects=detects)


@lru_cache(maxsize=128)
def _logical_swap(code: Code, decoder: Decoder) -> LogicalSwap:
    bare = known_operation("entanglement_swap")
    operation = Operation(bare.circuit, bare.inputs, bare.outputs, name=f"swap in {code.name}")
    return LogicalSwap(operation, code, decoder)
