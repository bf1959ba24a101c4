"""Which engine runs a program here: the fastest that tells the truth, or the one that was asked for.

In turn, as measured (see `quantumlink.execution.engines` for the table):

1. ``"exact"`` where following every branch takes some milliseconds: the circuit as it is;
2. ``"clifford"`` where all shots can run as one: Clifford gates, and only Paulis conditional or random;
3. ``"exact"`` with the qubits reused and the records added up while the program runs: links of any length under any
   noise, relaxation included, as they need few qubits and bits at one time;
4. ``"clifford"`` with shots in groups: Clifford circuits with any control flow;
5. ``"aer"``, in the form that `quantumlink.execution.aer_plans` finds, unless it holds what Aer cannot take.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import cached_property

import numpy as np

from quantumlink.arrays import FloatArray
from quantumlink.exact import Size, UnsupportedOperation, interpreter_size
from quantumlink.execution.aer_limits import on_single_bits, unknown_to_aer
from quantumlink.execution.aer_plans import aer_plan, lean_form
from quantumlink.execution.engine import Engine, EngineName, Setting
from quantumlink.execution.engines import AerEngine, CliffordEngine, ExactEngine
from quantumlink.execution.exact_sampler import MAX_COEFFICIENTS, exact_refusal
from quantumlink.execution.running_parities import running_parities
from quantumlink.program import Program
from quantumlink.rewrites import expanded_circuit

MAX_QUICK_COEFFICIENTS = 4**9
"""Where following a circuit exactly stops being the fastest way (measured: some 10 ms a setting)."""

MAX_QUICK_WIDTH = 100
"""Most qubits and bits of a circuit that is followed as it is: what is noted of each at each step is quadratic."""

MAX_EXACT_COEFFICIENTS = 4**11
"""Most that is followed exactly unless asked for: 32 MB, and some 10 ms an instruction."""

MAX_EXACT_SETTINGS = 2_000
"""Most settings that are followed exactly, one by one, unless asked for."""

POSITIONS = "positions count in its circuit with noise and measurement"


def local_engine(
    program: Program,
    settings: Sequence[Setting],
    seed: int | None,
    name: EngineName | None = None,
    keep: Sequence[int] = (),
) -> tuple[Engine, Program]:
    """The engine for a program on this machine, and the program in the form that it runs.

    Args:
        program: noise and measurement of the ends included, their bits last.
        settings: how its parameters are set; the forms have the same parameters in the same order.
        seed: of the draws.
        name: the engine asked for, or None for the fastest.
        keep: bits (by index) that are wanted as they are; the exact engine then follows the program as it is.

    Returns:
        The engine, and a program with the same distribution of acceptance, frame and ends' bits, which stay last.

    Raises:
        ValueError: if the engine that was asked for cannot take the program: which operation, where, and which
            engine can.
    """
    choice = _Choice(program, settings, seed, keep)
    return choice.fastest() if name is None else choice.asked_for(name)


class _Choice:
    def __init__(
        self, program: Program, settings: Sequence[Setting], seed: int | None, keep: Sequence[int]
    ) -> None:
        self._program, self._settings, self._seed, self._keep = program, settings, seed, keep

    def fastest(self) -> tuple[Engine, Program]:
        few = len(self._settings) <= MAX_EXACT_SETTINGS
        if few and self._is_quick:
            return self._exact(self._program, "")
        size = _told(self._program)
        if self._clifford_refusal is None:
            reason = f"clifford: {size}, too many to follow exactly at once"
            return CliffordEngine(self._seed, reason), self._program
        not_clifford = f"no Clifford circuit: {self._clifford_refusal}"
        if not few and not self._aer_refusal:
            return self._aer(f"; {len(self._settings)} settings, too many to follow exactly; and {not_clifford}")
        limit = MAX_COEFFICIENTS if self._aer_refusal else MAX_EXACT_COEFFICIENTS
        refusal = self._exact_refusal(self._smallest, limit)
        if refusal is None:
            return self._exact(self._smallest, f"; {not_clifford}")
        if self._groups_refusal is None:
            return CliffordEngine(self._seed, f"clifford: {size}, shots in groups"), self._program
        if self._aer_refusal:
            raise ValueError(
                f"no engine here can take this program ({POSITIONS}): "
                f"exact: {self._as_it_is(refusal)}; clifford: {self._groups_refusal}; aer: {self._aer_refusal}"
            )
        return self._aer(f"; {_told(self._smallest)}, too many to follow exactly; and {not_clifford}")

    def asked_for(self, name: EngineName) -> tuple[Engine, Program]:
        if name == "aer":
            if self._aer_refusal:
                raise self._cannot("aer", self._aer_refusal)
            return self._aer("; asked for")
        if name == "clifford":
            if self._groups_refusal is None:
                return CliffordEngine(self._seed, "clifford: asked for"), self._program
            raise self._cannot("clifford", self._groups_refusal)
        form = self._program if self._is_quick else self._smallest
        refusal = self._exact_refusal(form, MAX_COEFFICIENTS)
        if refusal is None:
            return self._exact(form, "; asked for")
        raise self._cannot("exact", self._as_it_is(refusal))

    def _as_it_is(self, refusal: str) -> str:
        """Places in the circuit that the user knows, where it is refused there too."""
        return self._exact_refusal(self._program, MAX_COEFFICIENTS) or refusal

    def _cannot(self, name: EngineName, refusal: str) -> ValueError:
        hint = ""
        if name == "clifford" and any(word in refusal for word in ("resets at random", "quantum_channel")):
            hint = "; where it is relaxation, twirl_relaxation=True makes it a mixture of Paulis"
        able: EngineName | None = None
        if name != "exact" and self._exact_refusal(self._smallest, MAX_EXACT_COEFFICIENTS) is None:
            able = "exact"
        elif name != "clifford" and self._groups_refusal is None:
            able = "clifford"
        elif name != "aer" and not self._aer_refusal:
            able = "aer"
        who = "no other engine here can" if able is None else f"engine={able!r} can"
        return ValueError(f"engine={name!r} cannot take this program ({POSITIONS}): {refusal}; {who}{hint}")

    def _exact(self, form: Program, why: str) -> tuple[Engine, Program]:
        how = "" if form is self._program else ", qubits reused and records added up while it runs"
        return ExactEngine(self._seed, f"exact: {_told(form)}{how}{why}"), form

    def _aer(self, why: str) -> tuple[Engine, Program]:
        plan = aer_plan(self._for_aer)
        return AerEngine(plan.method, self._seed, f"aer: {plan.reason}{why}"), plan.program

    @cached_property
    def _is_quick(self) -> bool:
        return self._is_narrow and self._exact_refusal(self._program, MAX_QUICK_COEFFICIENTS) is None

    @property
    def _is_narrow(self) -> bool:
        return bool(self._program.circuit.num_qubits + self._program.circuit.num_clbits <= MAX_QUICK_WIDTH)

    @cached_property
    def _smallest(self) -> Program:
        """The form with the fewest qubits and bits at one time."""
        if self._keep:  # other forms have other bits
            return self._program
        lean = lean_form(self._program)
        ends = range(lean.circuit.num_clbits - len(lean.ends), lean.circuit.num_clbits)
        folded = running_parities(lean, keep=ends)
        forms = [folded, self._program] if self._is_narrow else [folded]
        return min(forms, key=_coefficients)

    @cached_property
    def _aer_refusal(self) -> str:
        try:
            unknown = unknown_to_aer(self._for_aer.circuit)
        except UnsupportedOperation as error:
            return str(error)
        return f"Aer cannot take {unknown}" if unknown else ""

    @cached_property
    def _for_aer(self) -> Program:
        """The program without what Aer knows by no name: boxes, devices' own measurements, arithmetic."""
        return replace(self._program, circuit=on_single_bits(expanded_circuit(self._program.circuit)))

    @cached_property
    def _clifford_refusal(self) -> str | None:
        from quantumlink.execution.clifford import clifford_refusal

        return clifford_refusal(self._program.circuit, self._table, at_once=True)

    @cached_property
    def _groups_refusal(self) -> str | None:
        """Why stim cannot even follow the shots in groups."""
        from quantumlink.execution.clifford import clifford_refusal

        if self._clifford_refusal is None:
            return None
        return clifford_refusal(self._program.circuit, self._table)

    @property
    def _table(self) -> FloatArray:
        return np.array([setting.values for setting in self._settings])

    def _exact_refusal(self, form: Program, limit: int) -> str | None:
        return exact_refusal(form.circuit, keep={*bits_that_matter(form), *self._keep}, limit=limit)


def bits_that_matter(program: Program) -> list[int]:
    """The classical bits that decide acceptance, frame and outcome; those of the ends are the last ones."""
    ends = range(program.circuit.num_clbits - len(program.ends), program.circuit.num_clbits)
    return sorted({*ends, *program.bits_read})


def _size(form: Program) -> Size | None:
    """What following a form exactly takes; None if an operation has no rule."""
    try:
        return interpreter_size(form.circuit, bits_that_matter(form))
    except UnsupportedOperation:
        return None


def _coefficients(form: Program) -> float:
    size = _size(form)
    return float("inf") if size is None else size.coefficients


def _told(form: Program) -> str:
    size = _size(form)
    if size is None:
        return "an operation without a rule"
    return f"up to {size.qubits} qubits at one time, {size.bits} bits to be read"
