"""Qubit reuse: a qubit that is done is reset and stands for another one, so that few qubits play a large network.

Every qubit of the original circuit lives from its first use to its last. The instructions are put into another
order that keeps every qubit's and every classical bit's own order, and so the circuit's meaning: whatever needs
no new qubit runs at once, and a new one is born only when a living one waits for it. Lives that do not overlap
then share a qubit, with a reset between them.

With ``at_most`` as many qubits as that are used, so that less has to wait: qubits are born in the written order
while there are any left, then take the place that is free earliest of those beside the qubit that they meet. A
chain runs along a line of qubits and back.

Assumptions: all qubits start in |0⟩; a reset is perfect, as in the noise rewrite; nothing else happens to a qubit
that waits. Classical bits, heralds and frames stay as they are.

Reference:
    M. DeCross, E. Chertkov, M. Kohagen, M. Foss-Feig, Phys. Rev. X 13, 041057 (2023).
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from heapq import heapify, heappop, heappush

from qiskit.circuit import CircuitInstruction, IfElseOp, QuantumCircuit, QuantumRegister, Qubit
from qiskit.circuit.library import Reset

from quantumlink import validation
from quantumlink.exact import UnsupportedOperation
from quantumlink.hardware import Node
from quantumlink.program import HANDED_ON, Program
from quantumlink.rewrites.classical_bits import fresh_name
from quantumlink.rewrites.expansion import expanded_circuit
from quantumlink.rewrites.spread_reuse import Plan, spread_plan

MEMORY_REGISTER = "memory"
"""The quantum register of the rewritten circuit."""


@dataclass(frozen=True)
class LeanCircuit:
    """A circuit whose qubits are used several times, and what each of them stands for."""

    circuit: QuantumCircuit
    """The circuit; classical bits as before, qubits in the register ``memory``."""
    places: Mapping[int, int]
    """Where the outputs are at the end: the qubit's index before, and now."""
    tenants: tuple[tuple[int, ...], ...]
    """For each qubit the original qubits that it stands for, one after the other; it passes on at each reset
    with the label `HANDED_ON`."""


def reuse_qubits(program: Program, *, at_most: int | None = None) -> Program:
    """The same program on as few qubits as a simple rule finds, or on as many as there are: see the module.

    Bits, heralds, frame and corrections stay; the ends are at other indices. The noise rewrite may come before or
    after: it follows each qubit from node to node by `Program.earlier_nodes`.

    Args:
        program: any program.
        at_most: how many qubits may be used, so that as few as possible have to wait for one; None for as few
            qubits as are found.

    Raises:
        UnsupportedOperation, ValueError: as `reused_circuit`.

    >>> from quantumlink.readings import compose
    >>> from quantumlink.hardware import Node
    >>> from quantumlink.link import ElementaryLink, chain
    >>> nodes = [Node(f"n{i}") for i in range(11)]
    >>> reuse_qubits(compose(chain([ElementaryLink(*pair) for pair in zip(nodes, nodes[1:])])))
    <Program n0–n10: 4 qubits in place of 20, depth 51, 0 heralds, corrections 'sequential'>
    """
    lean = reused_circuit(program.circuit, program.ends.values(), at_most=at_most)
    holders = [[node for tenant in tenants for node in _holders(program, tenant)] for tenants in lean.tenants]
    return replace(
        program,
        circuit=lean.circuit,
        ends={name: lean.places[qubit] for name, qubit in program.ends.items()},
        nodes=tuple(nodes[-1] for nodes in holders),
        earlier_nodes={q: tuple(nodes[:-1]) for q, nodes in enumerate(holders) if len(nodes) > 1},
    )


def reused_circuit(
    circuit: QuantumCircuit, outputs: Iterable[int] = (), *, at_most: int | None = None
) -> LeanCircuit:
    """The same circuit with its qubits reused; barriers are dropped.

    Args:
        circuit: any circuit all of whose qubits start in |0⟩.
        outputs: qubits (by index) whose final state is wanted; the others may be reset after their last use.
        at_most: how many qubits may be used; None for as few as are found.

    Raises:
        UnsupportedOperation: if the circuit has real-time variables, through which instructions depend on
            each other unseen.
        ValueError: if there is no output of that index, or no way was found that takes so few qubits.

    >>> circuit = QuantumCircuit(2, 2)
    >>> _ = circuit.h([0, 1]), circuit.measure([0, 1], [0, 1])
    >>> print(reused_circuit(circuit).circuit.draw())
            ┌───┐┌─┐     ┌───┐┌─┐
    memory: ┤ H ├┤M├─|0>─┤ H ├┤M├
            └───┘└╥┘     └───┘└╥┘
       c: 2/══════╩════════════╩═
                  0            1
    """
    circuit = expanded_circuit(circuit, keep=lambda _: True)
    kept = set(outputs)
    for qubit in kept:
        if not 0 <= qubit < circuit.num_qubits:
            raise ValueError(f"outputs must be qubits 0…{circuit.num_qubits - 1} of the circuit, got {qubit}")
    if circuit.num_identifiers or _stores(circuit):
        raise UnsupportedOperation(f"qubits are not reused in a circuit with real-time variables: {circuit.name!r}")
    steps = [instruction for instruction in circuit.data if instruction.name != "barrier"]
    qubit_of = {bit: i for i, bit in enumerate(circuit.qubits)}
    qubits = [tuple(qubit_of[q] for q in step.qubits) for step in steps]
    written = list(range(len(steps)))
    late = _LateBirths(steps, qubits).order()
    plans = [_narrow_plan(order, qubits, kept) for order in (late, written)]
    plan = min(plans, key=lambda plan: len(plan.tenants))  # a tie is the first one's
    if at_most is not None:
        plan = _wide(steps, qubits, kept, validation.count("at_most", at_most, at_least=1), plan)
    return LeanCircuit(
        _rebuilt(circuit, steps, qubits, plan),
        {q: plan.places[q] for q in kept},
        tuple(map(tuple, plan.tenants)),
    )


def _stores(circuit: QuantumCircuit) -> bool:
    """Whether a bit is written without being named by an instruction, at any depth."""
    for instruction in circuit.data:
        if instruction.name == "store":
            return True
        if not instruction.clbits and not instruction.is_control_flow():
            continue  # no bit of the circuit is known inside
        operation = instruction.operation
        if any(map(_stores, getattr(operation, "blocks", None) or filter(None, [operation.definition]))):
            return True
    return False


def _wide(
    steps: Sequence[CircuitInstruction],
    qubits: Sequence[tuple[int, ...]],
    kept: set[int],
    at_most: int,
    narrow: Plan,
) -> Plan:
    if len(narrow.tenants) > at_most:
        raise ValueError(
            f"at_most must be at least {len(narrow.tenants)}, the fewest qubits that were found; got {at_most}"
        )
    return spread_plan(steps, qubits, kept, at_most) or narrow


class _LateBirths:
    """The order: at once whatever needs no new qubit; a birth only on demand, the youngest life's demand first."""

    def __init__(self, steps: Sequence[CircuitInstruction], qubits: Sequence[tuple[int, ...]]) -> None:
        self._qubits = qubits
        self._before: list[list[int]] = []
        """The steps that each step waits for, the earliest last."""
        self._after: list[list[int]] = [[] for _ in steps]
        self._bears: list[bool] = []
        self._uses: dict[int, deque[int]] = {}
        last: dict[object, int] = {}
        for i, step in enumerate(steps):
            wires: tuple[object, ...] = (*qubits[i], *step.clbits)
            before = {last[wire] for wire in wires if wire in last}
            self._bears.append(any(q not in last for q in qubits[i]))
            self._before.append(sorted(before, reverse=True))
            for j in before:
                self._after[j].append(i)
            for q in qubits[i]:
                self._uses.setdefault(q, deque()).append(i)
            last.update(dict.fromkeys(wires, i))
        self._waits_for = [len(before) for before in self._before]
        self._done = [False] * len(steps)
        self._ready = [i for i, count in enumerate(self._waits_for) if count == 0 and not self._bears[i]]
        self._living: list[int] = []
        self._order: list[int] = []

    def order(self) -> list[int]:
        """The steps' indices; in this order, every step follows those that it waits for."""
        heapify(self._ready)
        self._run_ready()
        demanded: list[int] = []
        first = 0
        while len(self._order) < len(self._done):
            while demanded and self._done[demanded[-1]]:
                demanded.pop()
            if not demanded:
                while self._done[first]:
                    first += 1
                youngest = self._blocked()
                demanded.append(first if youngest is None else youngest)
            while (needed := self._needed(demanded[-1])) is not None:
                demanded.append(needed)
            self._run(demanded.pop())
            self._run_ready()
        return self._order

    def _blocked(self) -> int | None:
        """The next use of the youngest living qubit that has one."""
        while self._living:
            uses = self._uses[self._living[-1]]
            while uses and self._done[uses[0]]:
                uses.popleft()
            if uses:
                return uses[0]
            self._living.pop()
        return None

    def _needed(self, step: int) -> int | None:
        before = self._before[step]
        while before and self._done[before[-1]]:
            before.pop()
        return before[-1] if before else None

    def _run_ready(self) -> None:
        while self._ready:
            self._run(heappop(self._ready))

    def _run(self, step: int) -> None:
        self._done[step] = True
        self._order.append(step)
        if self._bears[step]:
            self._living.extend(q for q in self._qubits[step] if self._uses[q][0] == step)
        for after in self._after[step]:
            self._waits_for[after] -= 1
            if self._waits_for[after] == 0 and not self._bears[after]:
                heappush(self._ready, after)


def _narrow_plan(order: Sequence[int], qubits: Sequence[tuple[int, ...]], kept: set[int]) -> Plan:
    """Qubits as they are needed in a given order, the one that is free for longest first."""
    plan = Plan(list(order))
    free: deque[int] = deque()
    left = Counter(q for step in order for q in qubits[step])

    def settle(qubit: int) -> None:
        plan.settle(qubit, free.popleft() if free else len(plan.tenants))

    for step in order:
        for q in qubits[step]:
            if q not in plan.places:
                settle(q)
        for q in qubits[step]:  # only now: two qubits of one step never share a place
            left[q] -= 1
            if left[q] == 0 and q not in kept:
                free.append(plan.places[q])
    for q in sorted(kept - set(plan.places)):
        settle(q)
    return plan


def _rebuilt(
    source: QuantumCircuit, steps: Sequence[CircuitInstruction], qubits: Sequence[tuple[int, ...]], plan: Plan
) -> QuantumCircuit:
    memory = QuantumRegister(len(plan.tenants), fresh_name(MEMORY_REGISTER, QuantumCircuit(*source.cregs)))
    metadata = {key: value for key, value in (source.metadata or {}).items() if key != "pairs"}  # told by qubits
    result = QuantumCircuit(memory, name=source.name, global_phase=source.global_phase, metadata=metadata)
    result.add_bits(source.clbits)
    result.add_register(*source.cregs)
    hand_on = Reset(label=HANDED_ON)
    settled: set[int] = set()

    def settle(qubit: int) -> None:
        settled.add(qubit)
        place = plan.places[qubit]
        if plan.tenants[place][0] != qubit:
            result.append(CircuitInstruction(hand_on, (memory[place],)))

    for step in plan.order:
        for qubit in qubits[step]:
            if qubit not in settled:
                settle(qubit)
        result.append(_moved(steps[step], tuple(memory[plan.places[q]] for q in qubits[step])))
    for qubit in plan.places:
        if qubit not in settled:  # an output that is never used
            settle(qubit)
    return result


def _moved(instruction: CircuitInstruction, qubits: tuple[Qubit, ...]) -> CircuitInstruction:
    """The instruction on other qubits, its blocks told in them: Qiskit's drawer needs them so."""
    operation = instruction.operation
    if not isinstance(operation, IfElseOp):
        return instruction.replace(qubits=qubits)
    blocks = [_told(block, qubits) for block in operation.blocks]
    return instruction.replace(operation=operation.replace_blocks(blocks), qubits=qubits)


def _told(block: QuantumCircuit, qubits: tuple[Qubit, ...]) -> QuantumCircuit:
    told = QuantumCircuit(list(qubits), block.clbits, global_phase=block.global_phase)
    told.add_register(*block.cregs)
    for inner in block.data:
        told.append(_moved(inner, tuple(qubits[block.find_bit(q).index] for q in inner.qubits)))
    return told


def _holders(program: Program, qubit: int) -> list[Node]:
    return [*program.earlier_nodes.get(qubit, ()), program.nodes[qubit]]
