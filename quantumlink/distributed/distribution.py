"""A distributed circuit, and what there is to know of it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
from qiskit.circuit import QuantumCircuit

from quantumlink import validation
from quantumlink.distributed import bounds
from quantumlink.distributed.building import Building, Built, qubit_names
from quantumlink.distributed.estimating import (
    CuttingOverhead,
    DistributedFidelity,
    composed,
    exact_fidelity,
    sampled_fidelity,
)
from quantumlink.distributed.events import Copy, Place, Teleport
from quantumlink.distributed.flows import has_all_flows
from quantumlink.distributed.machine import Machine
from quantumlink.distributed.netqasm import NetQASMProgram, netqasm_program
from quantumlink.distributed.node_programs import NodeProgram, node_programs
from quantumlink.distributed.pair_circuits import PairCircuits
from quantumlink.distributed.planning import Candidate
from quantumlink.distributed.playing import EbitDemand, Played, demands_in_time, play, told
from quantumlink.distributed.proof import (
    MAX_STATE_QUBITS,
    MAX_STATE_WORK,
    Proof,
    TooManyOutcomes,
    can_flow,
    check_linear,
    check_state,
    state_work,
)
from quantumlink.estimation import Estimate
from quantumlink.exact import UnsupportedOperation
from quantumlink.hardware import Node
from quantumlink.network import Demand
from quantumlink.program import Program

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


@dataclass(frozen=True, eq=False, repr=False)
class Distribution:
    """A circuit distributed over a network: see `distribute`.

    >>> import quantumlink as ql
    >>> from qiskit.circuit import QuantumCircuit
    >>> a, b = ql.Node("a", qubits=1, communication=1), ql.Node("b", qubits=1, communication=1)
    >>> circuit = QuantumCircuit(2)
    >>> _ = circuit.cx(0, 1)
    >>> shared = ql.distribute(circuit, ql.Network([a, b], [ql.ElementaryLink(a, b)]), budget_s=0.1, seed=1)
    >>> shared.ebits, shared.lower_bound
    (1, 1.0)
    """

    source: QuantumCircuit
    """The circuit that was distributed."""
    machine: Machine
    """The network, as seen by a computation."""
    candidate: Candidate
    """What is done where, and when."""
    conventions: Mapping[str, Any]
    """Under which rules pairs are counted."""
    seed: int
    """What its draws start from."""

    @cached_property
    def ebits(self) -> int:
        """How many pairs between two nodes are spent; one over several links counts once, see `pairs`."""
        return self.candidate.ebits

    @cached_property
    def pairs(self) -> int:
        """How many hops these pairs lead over: elementary pairs, before purification."""
        return sum(self.machine.hops(a, b) * n for (a, b), n in self._between.items())

    @cached_property
    def ebits_between(self) -> dict[tuple[str, str], int]:
        """How many pairs are spent between two nodes, by their names in the network's order."""
        found: Counter[tuple[str, str]] = Counter()
        for (a, b), count in self._between.items():
            low, high = sorted((a, b))
            found[self.machine.nodes[low].name, self.machine.nodes[high].name] += count
        return dict(found)

    @cached_property
    def placement(self) -> dict[str, str]:
        """The node at which each qubit is in the beginning, by the qubit's name (``"q[3]"``)."""
        names = qubit_names(self.source)
        home = self.candidate.plan.home
        return {name: self.machine.nodes[node].name for name, node in zip(names, home, strict=True)}

    @cached_property
    def final_placement(self) -> dict[str, str]:
        """The node at which each qubit is in the end: swaps and moves change it."""
        wires = self.candidate.tasks.wire_of_qubit
        end = self.candidate.scheduled.end
        return {
            name: self.machine.nodes[end[wire].node].name
            for name, wire in zip(qubit_names(self.source), wires, strict=True)
        }

    @property
    def circuit(self) -> QuantumCircuit:
        """The dynamic circuit of the whole: of each node a register of its name, one of its halves of pairs."""
        return self.program.circuit

    @property
    def program(self) -> Program:
        """The circuit and how to read it: the ends are the circuit's qubits, by name."""
        return self.built.program

    @cached_property
    def whole(self) -> Program:
        """The circuit as it was, all at one place, with the same ends: to be prepared and run beside the other."""
        names = qubit_names(self.source)
        node = Node("whole", qubits=self.source.num_qubits)
        return Program(self.source, {name: i for i, name in enumerate(names)}, (node,) * len(names))

    @cached_property
    def built(self) -> Built:
        """The circuit, and which event each of its instructions belongs to."""
        return self._built(self.machine)

    @cached_property
    def inputs(self) -> dict[str, int]:
        """The qubit of the whole circuit at which each qubit is in the beginning, by name."""
        return self._indices(self.built, self.candidate.scheduled.start, range(self.source.num_qubits))

    def verify(self) -> Proof:
        """Prove that it does what the circuit does, with perfect links: see `quantumlink.distributed.proof`.

        Work of more than a second shows how far it is. Ctrl-C leaves out the tier that is at work, and says so.

        Raises:
            NotTheSame: if it does not.
        """
        check_linear(self.candidate.plan, self.candidate.scheduled)
        tiers, left_out, word, records = ["linear"], [], "proven", 0
        n, built = self.source.num_qubits, None
        if can_flow(self.source):
            try:
                built = self._built(self.machine.perfect)
                if not has_all_flows(self.source, built.program.circuit, *self._start_and_end(built)):
                    from quantumlink.distributed.proof import NotTheSame

                    raise NotTheSame("the distributed circuit lacks a stabilizer flow of the circuit")
                tiers.append("flows")
            except (ImportError, UnsupportedOperation) as error:
                left_out.append(f"flows: {error}")
        else:
            left_out.append("flows: the circuit has more than Clifford gates")
        if n + 1 > MAX_STATE_QUBITS or state_work(built or self.built, n) > MAX_STATE_WORK:
            left_out.append(f"state: {n} qubits and its pairs are too large to be followed")
        else:
            built = built or self._built(self.machine.perfect)
            try:
                start, end = self._start_and_end(built)
                rng = np.random.default_rng([self.seed, 3])
                sampled, records = check_state(self.candidate.tasks, built, start, end, rng)
                word = "sampled" if sampled else "proven"
                tiers.append("state")
            except (TooManyOutcomes, UnsupportedOperation) as error:
                left_out.append(f"state: {error}")
            except KeyboardInterrupt:
                left_out.append("state: stopped by Ctrl-C")
        return Proof(tuple(tiers), "sampled" if word == "sampled" else "proven", records, tuple(left_out))

    @cached_property
    def lower_bound(self) -> float:
        """What any protocol must spend that starts and ends with this placement; 0 where nothing is known."""
        nodes, wires = self.candidate.scheduled, self.candidate.tasks.wire_of_qubit
        start = [place.node for place in nodes.start]
        return bounds.lower_bound(self.source, start, [nodes.end[wire].node for wire in wires], self.seed)

    @cached_property
    def programs(self) -> dict[str, NodeProgram]:
        """One OpenQASM 3 program a node, by its name; each has its ``circuit``, and what it sends and receives."""
        return node_programs(self.built, self.candidate.scheduled, self.machine)

    def netqasm(self) -> dict[str, NetQASMProgram]:
        """One NetQASM program a node, by its name, of subroutines between messages.

        Raises:
            UnsupportedOperation: on what NetQASM does not have.
            ValueError: if parameters are not bound.
        """
        numbers = {node.name: i for i, node in enumerate(self.machine.nodes)}
        return {name: netqasm_program(program, numbers) for name, program in self.programs.items()}

    def requests(self) -> tuple[EbitDemand, ...]:
        """The pairs that it needs, each with when it is needed first, were all pairs there at once."""
        return demands_in_time(self.candidate, self.machine)[0]

    def demands(self, **options: Any) -> tuple[Demand, ...]:
        """The same pairs as demands on a network (see `quantumlink.network.operate`), one for every two nodes.

        Args:
            options: of each `quantumlink.network.Demand`, such as ``min_fidelity`` or ``deadline_s``.

        Raises:
            ValueError: if an option is out of range.
        """
        when: dict[tuple[str, str], list[float]] = {}
        for request in self.requests():
            a, b = request.source, request.target
            when.setdefault((b, a) if (b, a) in when else (a, b), []).append(request.at_s)
        return tuple(Demand(a, b, requests=sorted(times), **options) for (a, b), times in when.items())

    def evaluate(self, *, shots: int = 10_000, seed: int | None = None) -> DistributedFidelity:
        """The process fidelity to the circuit under the noise of links and processors, waiting left out.

        Exactly, by the channel, for a few qubits; by stim for Clifford circuits under Pauli noise, of any size;
        else composed of the fidelities of all parts.

        Args:
            shots: of stim, at least 1.
            seed: makes them repeatable; that of the distribution if None.
        """
        shots = validation.many("shots", shots)
        seed = self.seed if seed is None else validation.count("seed", seed)
        parts = demands_in_time(self.candidate, self.machine)[1]
        lost = {cause: told(parts, cause) for cause in ("pairs", "gates", "readout")}
        ends = self._start_and_end(self.built)
        exact = exact_fidelity(self.source, self.program, *ends)
        if exact is None:
            sampled = None
            if can_flow(self.source):
                sampled = sampled_fidelity(self.source, self.program, *ends, shots, seed)
            if sampled is not None:
                return DistributedFidelity(sampled[0], "sampled", sampled[1], lost)
            return DistributedFidelity(composed(parts), "composition", 1.0, lost)
        fidelity, success = exact
        return DistributedFidelity(Estimate(fidelity, fidelity, fidelity), "exact", success, lost)

    @property
    def cutting_overhead(self) -> CuttingOverhead:
        """What cutting would cost in samples that does without the pairs."""
        return CuttingOverhead(self.ebits)

    def simulate(self, trials: int = 1000, seed: int | None = None) -> Played:
        """Play it in time, many trials at once: see `quantumlink.distributed.playing`.

        Args:
            trials: how many, at least 1.
            seed: makes it repeatable; that of the distribution if None.
        """
        trials = validation.many("trials", trials)
        seed = self.seed if seed is None else validation.count("seed", seed)
        return play(self.candidate, self.machine, trials=trials, seed=seed)

    def draw(self, *, ax: Axes | None = None, size: tuple[float, float] | None = None) -> Figure:
        """The nodes, what each holds, and how many pairs are spent between which of them.

        Args:
            ax: where to draw; in a new figure if None.
            size: width and height of a new figure in inches.

        Raises:
            TypeError: if ``ax`` is no axes.
            ValueError: if ``size`` is not two lengths or given beside ``ax``.
        """
        from quantumlink.distributed.drawing import nodes_and_pairs

        used = self.candidate.scheduled
        names = [node.name for node in self.machine.nodes]
        qubits = dict(zip(names, zip(used.computing, used.communicating, strict=True), strict=True))
        return nodes_and_pairs(qubits, self.ebits_between, ax, size)

    def report(self) -> str:
        """What it costs, under which rules, as a table in plain text."""
        scheduled, names = self.candidate.scheduled, [node.name for node in self.machine.nodes]
        rows = [
            ("qubits", str(self.source.num_qubits)),
            ("tasks", str(len(self.candidate.tasks.tasks))),
            ("e-bits", str(self.ebits)),
            ("lower bound", f"{self.lower_bound:g}" if self.lower_bound else "not known"),
            ("elementary pairs, by hop", str(self.pairs)),
            ("messages", str(len(self.built.messages))),
            ("samples if cut instead", repr(self.cutting_overhead).split(": ")[1].rstrip(">")),
            *((f"e-bits {a}–{b}", str(n)) for (a, b), n in self.ebits_between.items()),
            *(
                (f"qubits of {n}", f"{c} + {p} for pairs")
                for n, c, p in zip(names, scheduled.computing, scheduled.communicating, strict=True)
            ),
            *((key, str(value)) for key, value in self.conventions.items()),
        ]
        width = max(len(name) for name, _ in rows)
        return "\n".join(f"{name:<{width}}  {value}" for name, value in rows)

    @cached_property
    def _between(self) -> Counter[tuple[int, int]]:
        spent = [e for e in self.candidate.scheduled.events if isinstance(e, Copy | Teleport)]
        return Counter((event.near.node, event.far.node) for event in spent)

    def _built(self, machine: Machine) -> Built:
        circuits = PairCircuits(machine)
        plan = self.candidate.plan
        return Building(self.candidate.tasks, plan.tasks, self.candidate.scheduled, machine, circuits).built()

    def _start_and_end(self, built: Built) -> tuple[list[int], list[int]]:
        scheduled, wires = self.candidate.scheduled, self.candidate.tasks.wire_of_qubit
        return (
            list(self._indices(built, scheduled.start, range(self.source.num_qubits)).values()),
            list(self._indices(built, scheduled.end, wires).values()),
        )

    def _indices(self, built: Built, places: tuple[Place, ...], wires: Any) -> dict[str, int]:
        names = qubit_names(self.source)
        return {name: built.qubit_of[places[wire]] for name, wire in zip(names, wires, strict=True)}

    def __repr__(self) -> str:
        used = len(set(self.placement.values()))
        told = f"{self.source.num_qubits} qubits over {used} nodes, {self.ebits} e-bits"
        return f"<Distribution {self.source.name!r}: {told}>"
