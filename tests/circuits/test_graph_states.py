"""Graph states: amplitudes by their closed form, stabilizers by stim."""

from itertools import combinations

import numpy as np
import pytest
import rustworkx as rx
from oracles.stim_circuits import has_flow
from qiskit.circuit import QuantumCircuit
from qiskit.quantum_info import Statevector
from quantumlink_circuits.graph_states import cluster_state, graph_state

from quantumlink.testing import assert_prepares


def random_edges(rng, n):
    return [edge for edge in combinations(range(n), 2) if rng.random() < 0.5]


def amplitudes(edges, n):
    """2^(−n/2)·(−1)^(number of edges with both ends in |1⟩)."""
    bits = np.arange(2**n)[:, None] >> np.arange(n) & 1
    return (-1.0) ** sum((bits[:, a] * bits[:, b] for a, b in edges), np.zeros(2**n)) / 2 ** (n / 2)


def assert_stabilized(circuit, edges):
    """X on each vertex with Z on its neighbors, for as many vertices as qubits: nothing else is left free."""
    n = circuit.num_qubits
    for vertex in range(n):
        letters = ["_"] * n
        letters[vertex] = "X"
        for a, b in edges:
            if vertex in (a, b):
                letters[a + b - vertex] = "Z"
        assert has_flow(circuit, f"1 -> {''.join(letters)}", zeros=range(n))


@pytest.mark.parametrize("n", range(1, 8))
def test_graph_state_amplitudes(n, rng):
    edges = random_edges(rng, n)
    circuit = graph_state(edges, n)
    assert np.abs(Statevector(circuit).data - amplitudes(edges, n)).max() < 1e-12
    assert_prepares(circuit, amplitudes(edges, n))


@pytest.mark.parametrize("n", [10, 30])
def test_graph_state_stabilizers(n, rng):
    edges = random_edges(rng, n)
    circuit = graph_state(edges, n)
    assert_stabilized(circuit, edges)
    assert not has_flow(circuit, "1 -> X" + "_" * (n - 1), zeros=range(n)) or not any(0 in edge for edge in edges)


def test_a_missing_edge_is_noticed(rng):
    edges = [(0, 1), (1, 2), (0, 3)]
    with pytest.raises(AssertionError):
        assert_prepares(graph_state(edges[:-1], 4), amplitudes(edges, 4))


def test_a_star_is_a_ghz_state_up_to_local_hadamards():
    circuit = graph_state([(0, k) for k in range(1, 5)])
    circuit.h(range(1, 5))
    ghz = np.zeros(32)
    ghz[[0, -1]] = 0.5**0.5
    assert np.abs(Statevector(circuit).data - ghz).max() < 1e-12


def test_the_three_ways_to_name_a_graph_agree(rng):
    n = 6
    edges = random_edges(rng, n)
    matrix = np.zeros((n, n), dtype=int)
    for a, b in edges:
        matrix[a, b] = matrix[b, a] = 1
    graph = rx.PyGraph()
    graph.add_nodes_from(range(n))
    graph.add_edges_from_no_data(edges)
    circuit = graph_state(edges, n)
    for other in (matrix, matrix.astype(bool), matrix.astype(float), graph, ((b, a) for a, b in edges)):
        assert Statevector(graph_state(other, n)) == Statevector(circuit)
    assert graph_state(graph).num_qubits == graph_state(matrix).num_qubits == n
    assert graph_state(np.array(edges).tolist(), n) == circuit


def test_a_rustworkx_graph_with_a_gap_in_its_indices():
    graph = rx.generators.path_graph(4)
    graph.remove_node(0)  # 1 – 2 – 3 is left
    assert graph_state(graph) == graph_state([(0, 1), (1, 2)])


def test_vertices_without_edges_are_plus_states():
    circuit = graph_state([], 3)
    assert np.abs(Statevector(circuit).data - 8**-0.5).max() < 1e-12
    assert graph_state([(0, 2)]).num_qubits == 3


@pytest.mark.parametrize(("rows", "columns"), [(1, 1), (1, 2), (1, 7), (5, 1), (2, 3), (3, 3), (4, 6)])
def test_cluster_state(rows, columns):
    circuit = cluster_state(rows, columns)
    edges = [
        (a, b)
        for a, b in combinations(range(rows * columns), 2)
        if abs(a // columns - b // columns) + abs(a % columns - b % columns) == 1
    ]
    laid = {tuple(sorted(circuit.find_bit(q).index for q in i.qubits)) for i in circuit.data if i.name == "cz"}
    assert laid == set(edges)
    assert_stabilized(circuit, edges)
    assert circuit.depth() <= 5
    if rows * columns <= 9:
        assert np.abs(Statevector(circuit).data - amplitudes(edges, rows * columns)).max() < 1e-12


def test_the_grid_is_that_of_rustworkx():
    n = 12
    grid = graph_state(rx.generators.grid_graph(3, 4))
    for vertex in range(n):  # the generators of the one stabilize the other
        letters = ["_"] * n
        letters[vertex] = "X"
        for neighbor in rx.generators.grid_graph(3, 4).neighbors(vertex):
            letters[neighbor] = "Z"
        assert has_flow(cluster_state(3, 4), f"1 -> {''.join(letters)}", zeros=range(n))
        assert has_flow(grid, f"1 -> {''.join(letters)}", zeros=range(n))


def test_the_builders_return_plain_circuits():
    assert type(graph_state()) is type(cluster_state()) is QuantumCircuit
    assert cluster_state().name == "cluster_state"


@pytest.mark.parametrize(
    ("call", "error", "text"),
    [
        (lambda: graph_state([(0, 0)]), ValueError, r"must not have loops, got the edge \(0, 0\)"),
        (lambda: graph_state([(0, 1), (1, 0)]), ValueError, r"each edge once .* got \(1, 0\) again"),
        (lambda: graph_state([(0, 3)], 3), ValueError, r"vertices 0 to 2, got the edge \(0, 3\)"),
        (lambda: graph_state([(-1, 0)]), ValueError, r"got the edge \(-1, 0\)"),
        (lambda: graph_state([(0, 1, 2)]), ValueError, "pairs of vertices"),
        (lambda: graph_state([(0, 1.5)]), ValueError, "pairs of vertices"),
        (lambda: graph_state([5]), ValueError, "pairs of vertices"),
        (lambda: graph_state([]), ValueError, "must have a vertex"),
        (lambda: graph_state("01"), TypeError, "must be edges, a numpy adjacency matrix or a rustworkx graph"),
        (lambda: graph_state(7), TypeError, "got 7"),
        (lambda: graph_state(np.ones((2, 3))), ValueError, r"square adjacency matrix, got shape \(2, 3\)"),
        (lambda: graph_state(np.array([[0, 2], [2, 0]])), ValueError, "matrix of 0 and 1"),
        (lambda: graph_state(np.array([[0, np.nan], [np.nan, 0]])), ValueError, "matrix of 0 and 1"),
        (lambda: graph_state(np.array([[0, 1], [0, 0]])), ValueError, "symmetric"),
        (lambda: graph_state(np.eye(2)), ValueError, "zero diagonal"),
        (lambda: graph_state(np.zeros((3, 3)), 4), ValueError, "number of the graph's vertices, 3, got 4"),
        (lambda: graph_state([], 0), ValueError, "num_qubits must be at least 1, got 0"),
        (lambda: cluster_state(0, 3), ValueError, "rows must be at least 1, got 0"),
        (lambda: cluster_state(2, 1.0), TypeError, "columns must be a whole number, got 1.0"),
    ],
)
def test_bad_arguments_are_refused(call, error, text):
    with pytest.raises(error, match=text):
        call()
