"""A recipe reads what was measured as the program would, survives JSON, and refuses another circuit's result."""

import json
from dataclasses import replace
from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from qiskit.circuit import ClassicalRegister, Clbit, QuantumCircuit, QuantumRegister
from qiskit.primitives import BitArray, DataBin, PrimitiveResult, SamplerPubResult

from quantumlink.execution.preparation import Recipe
from quantumlink.execution.preparation.conditional_paulis import ConditionalPaulis
from quantumlink.execution.preparation.recipe import recipe_of
from quantumlink.hardware import Node
from quantumlink.program import Frame, Program

RECIPE = Recipe(
    registers=(("swap", (0, 1)), ("herald", (2,)), ("ends", (3, 4))),
    ends=(("alice", 3), ("bob", 4)),
    bases=("ZZ", "XY"),
    heralds=((2,),),
    frame=(("bob", Frame(x=(1,), z=(0,))),),
    source="somewhere",
)


def test_what_conditions_did_survives_json():
    told = ConditionalPaulis(
        flips=((2, (0,)), (3, (0, 1))),
        ends=(("bob", Frame((1,), (0,))),),
        heralds=((0, 2),),
        frame=(("bob", Frame((1,), (0, 2))),),
    )
    recipe = replace(RECIPE, conditional=told)
    assert Recipe.from_dict(json.loads(json.dumps(recipe.to_dict()))) == recipe
    assert "conditional" not in RECIPE.to_dict()
    elsewhere = replace(recipe, conditional=replace(told, heralds=((9,),)))
    with pytest.raises(ValueError, match="no recipe"):
        Recipe.from_dict(elsewhere.to_dict())
    for broken in ({}, {**told.to_dict(), "flips": [[0, [-1]]]}, {**told.to_dict(), "ends": 3}):
        with pytest.raises(ValueError, match="no recipe"):
            Recipe.from_dict({**recipe.to_dict(), "conditional": broken})


def result_of(bits):
    """A sampler's result for bits of shape (rows, shots, 5)."""
    data = {
        name: BitArray.from_bool_array(bits[..., list(places)], order="little") for name, places in RECIPE.registers
    }
    return PrimitiveResult([SamplerPubResult(DataBin(**data, shape=bits.shape[:1]))])


def test_bits_are_read_one_by_one_the_same(rng):
    bits = rng.random((2, 300, 5)) < 0.5
    samples = RECIPE.samples(result_of(bits))
    expected = {basis: [0, 0, 0, 0] for basis in RECIPE.bases}
    for row, basis in enumerate(RECIPE.bases):
        for phase, flip, herald, left, right in bits[row].astype(int).tolist():
            if herald:
                continue
            # Bob needs X where flip is 1, Z where phase is 1; X turns Z and Y, Z turns X and Y.
            turned = {"Z": flip, "X": phase, "Y": flip ^ phase}[basis[0]]
            expected[basis][left + 2 * (right ^ turned)] += 1
    assert {basis: list(counts) for basis, counts in samples.outcomes.items()} == expected
    assert samples.shots == {"ZZ": 300, "XY": 300}
    assert samples.ends == ("alice", "bob")
    assert samples.engine == "somewhere"


def test_a_recipe_reads_as_its_program_does(rng):
    circuit = QuantumCircuit(QuantumRegister(2, "q"), ClassicalRegister(5, "c"))
    program = Program(circuit, {"a": 0, "b": 1}, (Node("a"), Node("b")), ((0, 1),), {"a": Frame((0,), (1, 2))})
    recipe = recipe_of(program, circuit, {"a": 3, "b": 4}, ["XX"], "")
    bits = np.array(list(product([False, True], repeat=5)))
    for basis in ("XX", "YY", "ZZ", "XZ", "ZY"):
        accepted, value = recipe.read(bits, basis)
        np.testing.assert_array_equal(accepted, program.accepted(bits))
        left = bits[:, 3] ^ program.flips(bits, "a", basis[1])
        right = bits[:, 4] ^ program.flips(bits, "b", basis[0])
        np.testing.assert_array_equal(value, left + 2 * right)


indices = st.lists(st.sampled_from([bit for _, bits in RECIPE.registers for bit in bits]), max_size=3).map(tuple)


@settings(max_examples=40, deadline=None)
@given(heralds=st.lists(indices, max_size=3).map(tuple), x=indices, z=indices)
def test_recipes_survive_json(heralds, x, z):
    recipe = Recipe(RECIPE.registers, RECIPE.ends, RECIPE.bases, heralds, (("bob", Frame(x, z)),), "π")
    assert Recipe.from_dict(json.loads(json.dumps(recipe.to_dict()))) == recipe


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"version": 2}, "version 1, got 2"),
        ({"bases": None}, "no recipe"),
        ({"ends": [["alice", "3"]]}, "bit must be a whole number"),
        ({"heralds": [[-1]]}, "at least 0"),
        ({"heralds": [[5]]}, "in no register"),
        ({"registers": [["c", [0, 1, 2, 10**12]], ["ends", [3, 4]]]}, "in no register"),
        ({"bases": ["ZZZ"]}, "a letter X, Y or Z for each of 2 ends"),
    ],
)
def test_what_is_no_recipe_is_said(change, message):
    with pytest.raises(ValueError, match=message):
        Recipe.from_dict(RECIPE.to_dict() | change)
    incomplete = RECIPE.to_dict()
    del incomplete["frame"]
    with pytest.raises(ValueError, match="frame"):
        Recipe.from_dict(incomplete)


def test_results_of_another_circuit_are_refused(rng):
    bits = rng.random((2, 10, 5)) < 0.5
    with pytest.raises(ValueError, match="2 rows of 2 bits, got 1 rows"):
        RECIPE.samples(result_of(bits[:1]))
    data = dict(result_of(bits)[0].data.items())
    del data["herald"]
    with pytest.raises(ValueError, match="'herald'"):
        RECIPE.samples(data)
    data["herald"] = data["ends"]
    with pytest.raises(ValueError, match="2 rows of 1 bits, got 2 rows of 2"):
        RECIPE.samples(data)


def test_bits_in_no_register_would_be_lost():
    circuit = QuantumCircuit(QuantumRegister(2, "q"), ClassicalRegister(2, "ends"), [Clbit()])
    program = Program(circuit, {"a": 0, "b": 1}, (Node("a"), Node("b")), heralds=((2,),))
    with pytest.raises(ValueError, match=r"bits \[2\] are in none"):
        recipe_of(program, circuit, {"a": 0, "b": 1}, ["ZZ"], "")
