"""Graph states: one qubit a vertex, one controlled phase an edge.

The state is fixed by its stabilizers: X on a vertex and Z on all its neighbors, +1 for every vertex.

References:
    H. J. Briegel, R. Raussendorf, Phys. Rev. Lett. 86, 910 (2001): cluster states.
    M. Hein, J. Eisert, H. J. Briegel, Phys. Rev. A 69, 062311 (2004): graph states.
"""

from __future__ import annotations

from collections.abc import Iterable
from operator import index
from typing import Any, Protocol, TypeAlias, runtime_checkable

import numpy as np
import numpy.typing as npt
from qiskit.circuit import QuantumCircuit, QuantumRegister

from quantumlink_circuits.arguments import whole_number


@runtime_checkable
class IndexedGraph(Protocol):
    """What is needed of a graph object; rustworkx's ``PyGraph`` has it."""

    def node_indices(self) -> Any:
        """The indices of the nodes, in order."""

    def edge_list(self) -> Any:
        """The edges as pairs of node indices."""


Graph: TypeAlias = Iterable[tuple[int, int]] | npt.NDArray[Any] | IndexedGraph
"""Edges as pairs of vertices, a numpy adjacency matrix, or a rustworkx graph."""


def graph_state(graph: Graph = ((0, 1), (1, 2)), num_qubits: int | None = None) -> QuantumCircuit:
    """Prepare the graph state ∏ CZ(edges) |+⟩…|+⟩ from |0…0⟩.

    Stabilizers: X on a vertex and Z on all its neighbors. A star is a GHZ state up to local H; a single edge
    is a Bell pair up to one. Drawn for the default, three vertices in a line.

    ```
         ┌───┐
    q_0: ┤ H ├─■────
         ├───┤ │
    q_1: ┤ H ├─■──■─
         ├───┤    │
    q_2: ┤ H ├────■─
         └───┘
    ```

    Ports:
        ``q``: one qubit a vertex, |0⟩ before. The i-th node of a rustworkx graph, in the order of its node
        indices, is ``q[i]``.

    Args:
        graph: the edges as pairs of vertices 0, 1, …; or a symmetric numpy matrix of 0 and 1 with zero
            diagonal (nested lists are read as edges); or a rustworkx graph.
        num_qubits: how many vertices, for edges that leave some of them alone; if None, as many as the graph
            has, or as the edges name.

    Raises:
        TypeError: if the graph is none of these.
        ValueError: if an edge is a loop, stands twice or names a vertex out of range, the matrix is not an
            adjacency matrix, or the numbers of vertices differ.

    >>> import numpy as np
    >>> graph_state([(0, 1), (1, 2)]) == graph_state(np.array([[0, 1, 0], [1, 0, 1], [0, 1, 0]]))
    True
    """
    edges, size = _edges(graph)
    if num_qubits is not None:
        num_qubits = whole_number("num_qubits", num_qubits)
        if size is not None and num_qubits != size:
            raise ValueError(f"num_qubits must be the number of the graph's vertices, {size}, got {num_qubits}")
        size = num_qubits
    if size is None:
        size = max((vertex + 1 for edge in edges for vertex in edge), default=0)
    if size == 0 and not edges:
        raise ValueError("graph must have a vertex; for one without edges give num_qubits")
    _check(edges, size)
    q = QuantumRegister(size, "q")
    circuit = QuantumCircuit(q, name="graph_state")
    circuit.h(q)
    for a, b in edges:
        circuit.cz(q[a], q[b])
    return circuit


def cluster_state(rows: int = 1, columns: int = 4) -> QuantumCircuit:
    """Prepare the cluster state: the graph state of a rectangular grid, or of a line for one row.

    The edges are laid in four layers (even and odd, along rows and columns), whatever the size. Drawn for the
    default, a line of four.

    ```
         ┌───┐
    q_0: ┤ H ├─■────
         ├───┤ │
    q_1: ┤ H ├─■──■─
         ├───┤    │
    q_2: ┤ H ├─■──■─
         ├───┤ │
    q_3: ┤ H ├─■────
         └───┘
    ```

    Ports:
        ``q``: one qubit a vertex, |0⟩ before; row r and column c is ``q[r·columns + c]``.

    Args:
        rows: how many rows, 1 for the linear cluster.
        columns: how many columns.

    Raises:
        TypeError: if a number is not whole.
        ValueError: if a number is not positive.

    >>> cluster_state(1, 50).depth(), cluster_state(8, 8).depth()
    (3, 5)
    """
    rows, columns = whole_number("rows", rows), whole_number("columns", columns)
    vertices = np.arange(rows * columns).reshape(rows, columns)
    edges: list[tuple[int, int]] = []
    for grid in (vertices, vertices.T):
        for first in (0, 1):
            heads, tails = grid[:, first:-1:2].ravel().tolist(), grid[:, first + 1 :: 2].ravel().tolist()
            edges += zip(heads, tails, strict=True)
    circuit = graph_state(edges, rows * columns)
    circuit.name = "cluster_state"
    return circuit


def _edges(graph: Any) -> tuple[list[tuple[int, int]], int | None]:
    """The edges, and the number of vertices if the graph says so."""
    if isinstance(graph, np.ndarray):
        return _edges_of_matrix(graph), len(graph)
    if isinstance(graph, IndexedGraph):
        place = {node: i for i, node in enumerate(graph.node_indices())}
        return [(place[edge[0]], place[edge[1]]) for edge in graph.edge_list()], len(place)
    if isinstance(graph, (str, bytes)) or not isinstance(graph, Iterable):
        raise TypeError(f"graph must be edges, a numpy adjacency matrix or a rustworkx graph, got {graph!r}")
    edges = []
    for edge in graph:
        try:
            a, b = edge
            edges.append((index(a), index(b)))
        except (TypeError, ValueError):
            raise ValueError(f"graph must list edges as pairs of vertices (whole numbers), got {edge!r}") from None
    return edges, None


def _edges_of_matrix(matrix: npt.NDArray[Any]) -> list[tuple[int, int]]:
    if matrix.ndim != 2 or matrix.shape[0] != matrix.shape[1]:
        raise ValueError(f"graph must be a square adjacency matrix, got shape {matrix.shape}")
    if not np.isin(matrix, (0, 1)).all():
        raise ValueError(f"graph must be an adjacency matrix of 0 and 1, got {matrix.tolist()}")
    if (matrix != matrix.T).any() or matrix.diagonal().any():
        raise ValueError(f"graph must be a symmetric adjacency matrix with zero diagonal, got {matrix.tolist()}")
    return [(int(a), int(b)) for a, b in np.argwhere(np.triu(matrix))]


def _check(edges: list[tuple[int, int]], size: int) -> None:
    seen: set[frozenset[int]] = set()
    for a, b in edges:
        if a == b:
            raise ValueError(f"graph must not have loops, got the edge ({a}, {b})")
        if not (0 <= a < size and 0 <= b < size):
            raise ValueError(f"graph must have vertices 0 to {size - 1}, got the edge ({a}, {b})")
        if frozenset((a, b)) in seen:
            raise ValueError(f"graph must name each edge once (twice is none), got ({a}, {b}) again")
        seen.add(frozenset((a, b)))
