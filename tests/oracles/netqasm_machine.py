"""Network nodes that run NetQASM text, with one state vector for all of them."""

import re
from collections import defaultdict

import numpy as np

FIXED = {
    "x": np.array([[0, 1], [1, 0]]),
    "y": np.array([[0, -1j], [1j, 0]]),
    "z": np.diag([1, -1]),
    "h": np.array([[1, 1], [1, -1]]) / np.sqrt(2),
    "s": np.diag([1, 1j]),
    "t": np.diag([1, np.exp(1j * np.pi / 4)]),
}
TWO = {"cnot": np.array([[1, 0, 0, 0], [0, 1, 0, 0], [0, 0, 0, 1], [0, 0, 1, 0]]), "cphase": np.diag([1, 1, 1, -1])}
AXES = {"rot_x": FIXED["x"], "rot_y": FIXED["y"], "rot_z": FIXED["z"]}


class World:
    """All qubits, by (node, virtual address)."""

    def __init__(self, rng):
        self.rng, self.axes, self.state = rng, [], np.ones((), dtype=complex)

    def add(self, qubits, state):
        assert not set(qubits) & set(self.axes), f"{qubits} are allocated already"
        self.state = np.multiply.outer(self.state, np.asarray(state, dtype=complex))
        self.axes += qubits

    def apply(self, matrix, qubits):
        places, k = [self.axes.index(q) for q in qubits], len(qubits)
        tensor = np.reshape(matrix, (2,) * (2 * k))
        self.state = np.moveaxis(np.tensordot(tensor, self.state, (range(k, 2 * k), places)), range(k), places)

    def measure(self, qubit):
        parts = np.moveaxis(self.state, self.axes.index(qubit), 0)
        odds = [float(np.vdot(part, part).real) for part in parts]
        value = int(self.rng.random() > odds[0] / sum(odds))
        kept = np.zeros_like(parts)
        kept[value] = parts[value] / np.sqrt(odds[value])
        self.state = np.moveaxis(kept, 0, self.axes.index(qubit))
        return value

    def free(self, qubit):
        value = self.measure(qubit)
        self.state = np.take(self.state, value, axis=self.axes.index(qubit))
        self.axes.remove(qubit)


class Quantum:
    """A node's quantum processor; registers and arrays outlive a subroutine."""

    def __init__(self, node, world, asked):
        self.node, self.world, self.asked = node, world, asked
        self.registers, self.arrays = {}, {}

    def run(self, text):
        """A generator that yields while it waits for a pair."""
        lines = [line.split("//")[0].strip() for line in text.splitlines()]
        lines = [line for line in lines if line and not line.startswith("#")]
        labels, program = {}, []
        for line in lines:
            if line.endswith(":"):
                assert line[:-1] not in labels
                labels[line[:-1]] = len(program)
            else:
                program.append(line.split())
        at = 0
        while at < len(program):
            name, *words = program[at]
            at += 1
            jump = yield from self._do(name, words)
            if jump is not None:
                at = labels[jump]

    def _entry(self, word):
        address, register = re.fullmatch(r"@(\d+)\[(R\d+)\]", word).groups()
        return self.arrays[int(address)], self.registers[register]

    def _do(self, name, words):
        value = self.registers
        if name == "set":
            assert re.fullmatch(r"[RQCM](\d|1[0-5])", words[0])
            value[words[0]] = int(words[1])
        elif name == "array":
            self.arrays[int(words[1][1:])] = [None] * value[words[0]]
        elif name == "store":
            array, place = self._entry(words[1])
            array[place] = value[words[0]]
        elif name == "load":
            array, place = self._entry(words[1])
            assert array[place] is not None
            value[words[0]] = array[place]
        elif name == "sub":
            value[words[0]] = value[words[1]] - value[words[2]]
        elif name == "jmp":
            return words[0]
        elif name in ("bez", "bnz"):
            return words[1] if (value[words[0]] == 0) == (name == "bez") else None
        elif name == "qalloc":
            self.world.add([(self.node, value[words[0]])], [1, 0])
        elif name in ("init", "qfree"):
            self.world.free((self.node, value[words[0]]))
            if name == "init":
                self.world.add([(self.node, value[words[0]])], [1, 0])
        elif name == "meas":
            value[words[1]] = self.world.measure((self.node, value[words[0]]))
        elif name in FIXED or name in TWO:
            matrix = FIXED[name] if name in FIXED else TWO[name]
            self.world.apply(matrix, [(self.node, value[word]) for word in words])
        elif name in AXES:
            n, d = int(words[1]), int(words[2])
            assert 0 <= n < 256
            angle = n * np.pi / 2**d
            matrix = np.cos(angle / 2) * np.eye(2) - 1j * np.sin(angle / 2) * AXES[name]
            self.world.apply(matrix, [(self.node, value[words[0]])])
        elif name in ("create_epr", "recv_epr"):
            remote, _, places, *rest = [value[word] for word in words]
            if name == "create_epr":
                assert self.arrays[rest[0]][:2] == [0, 1]
                assert len(self.arrays[rest[0]]) == 20
            assert len(self.arrays[rest[-1]]) == 10
            self.asked.ask(self, remote, self.arrays[places][0], rest[-1], name)
        elif name == "wait_all":
            address = int(re.fullmatch(r"@(\d+)\[R\d+:R\d+\]", words[0]).group(1))
            while None in self.arrays[address]:
                yield
        else:
            assert name == "ret_arr", name
        return None


class Asked:
    """What the network stack is asked, matched in order between each two nodes."""

    def __init__(self, world):
        self.world, self.waiting = world, defaultdict(list)

    def ask(self, node, remote, qubit, address, name):
        others = self.waiting[remote, node.node]
        if not others:
            self.waiting[node.node, remote].append((node, qubit, address, name))
            return
        other, far, far_address, far_name = others.pop(0)
        assert {name, far_name} == {"create_epr", "recv_epr"}
        self.world.add([(node.node, qubit), (other.node, far)], np.eye(2) / np.sqrt(2))
        node.arrays[address], other.arrays[far_address] = [0] * 10, [0] * 10


def run(programs, numbers, rng):
    """Run NetQASM programs to the end: the world, and each node's processor by name."""
    world = World(rng)
    asked, told = Asked(world), {}
    nodes = {name: Quantum(numbers[name], world, asked) for name in programs}

    def host(name):
        for part in programs[name].subroutines:
            while any((name, message) not in told for message in part.receives):
                yield
            text = part.text
            for message in part.receives:
                text = text.replace(f"{{{message}}}", str(told[name, message]))
            yield from nodes[name].run(text)
            for message, place in part.sends:
                told[message.target, message.name] = nodes[name].arrays[0][place]

    running = [host(name) for name in programs]
    for _ in range(100_000):
        if not running:
            return world, nodes
        running = [one for one in running if next(one, "done") != "done"]
    raise AssertionError("the nodes wait for one another")
