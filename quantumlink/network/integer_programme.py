"""Integer programmes by HiGHS, which answer Ctrl-C: what was found until then is kept, with its bound.

HiGHS runs in a thread, so that the interpreter hears an interrupt at once. It tells every better solution and its
bound as it finds them, and stops when it is told to; where it can not be asked (scipy before 1.15) only its end is
known, and an interrupt leaves nothing.

References:
    Q. Huangfu, J. A. J. Hall, Math. Prog. Comput. 10, 119 (2018): HiGHS.
"""

from __future__ import annotations

import atexit
import threading
from collections.abc import Callable
from dataclasses import dataclass
from math import inf
from typing import Any

import numpy as np
from scipy.optimize import Bounds, LinearConstraint, milp
from scipy.sparse import csc_array

from quantumlink.arrays import FloatArray
from quantumlink.interrupts import between_parts

try:
    from scipy.optimize._highspy import _core as _told_by
except ImportError:
    _told_by = None
else:
    if not (hasattr(_told_by, "cb") and hasattr(_told_by._Highs, "startCallback")):
        _told_by = None

LISTEN_S = 0.05
"""How often an interrupt is looked for."""

LAST_S = 0.4
"""How long the solver may take to stop when it is told to; what it found is there before."""


@dataclass(frozen=True)
class Solution:
    """What was found."""

    x: FloatArray | None
    """The best values of the variables; None if there are none, or none were found."""
    value: float
    """What they cost; infinite if there are none."""
    at_least: float
    """No values cost less."""
    optimal: bool = False
    """Whether that is proven, within the gap that was allowed."""
    impossible: bool = False
    """Whether there are no values."""
    interrupted: bool = False
    """Whether Ctrl-C was pressed before the end."""


@dataclass(frozen=True)
class IntegerProgramme:
    """The least of ``prices @ x`` under ``low <= matrix @ x <= high``.

    Args:
        prices: shape (variables,).
        whole: shape (variables,), 1 where a variable must be a whole number, else 0.
        bounds: of the variables, each of shape (variables,).
        matrix: shape (conditions, variables).
        low: shape (conditions,).
        high: shape (conditions,).
    """

    prices: FloatArray
    whole: FloatArray
    bounds: tuple[FloatArray, FloatArray]
    matrix: Any
    low: FloatArray
    high: FloatArray

    def solve(self, time_limit_s: float, gap: float = 1e-4) -> Solution:
        """The best solution that was found in time.

        Args:
            time_limit_s: how long to look.
            gap: relative difference from the least that is accepted as none.
        """
        run = _Run()

        def solve() -> Solution:
            if _told_by is None or not np.any(self.whole):
                return _by_milp(self, time_limit_s, gap)
            return _by_telling(self, time_limit_s, gap, run)

        thread = threading.Thread(target=run.ended_by, args=(solve,), daemon=True)
        with between_parts() as pressed:
            thread.start()
            try:
                while not (pressed() or run.over.wait(LISTEN_S)):
                    pass
            finally:
                run.stop.set()
                if interrupted := not run.over.is_set():  # also where Ctrl-C was pressed twice
                    atexit.register(run.over.wait, 10 * LAST_S)  # no thread may call an interpreter that has ended
            if interrupted:
                run.over.wait(LAST_S)
            else:
                thread.join()
        if run.error is not None:
            raise run.error
        if run.solution is not None and not interrupted:
            return run.solution
        x, value = run.best
        return Solution(x, value, run.at_least, interrupted=True)


class _Run:
    """What a thread tells."""

    def __init__(self) -> None:
        self.stop = threading.Event()
        self.over = threading.Event()  # a thread whose join is interrupted passes for one that has ended
        self.best: tuple[FloatArray | None, float] = None, inf
        self.at_least = -inf
        self.solution: Solution | None = None
        self.error: BaseException | None = None

    def ended_by(self, solve: Callable[[], Solution]) -> None:
        try:
            self.solution = solve()
        except BaseException as error:
            self.error = error  # for the thread that waits
        finally:
            self.over.set()


def _by_milp(programme: IntegerProgramme, time_limit_s: float, gap: float) -> Solution:
    found = milp(
        programme.prices, integrality=programme.whole, bounds=Bounds(*programme.bounds),
        constraints=LinearConstraint(programme.matrix, programme.low, programme.high),
        options={"time_limit": time_limit_s, "mip_rel_gap": gap},
    )  # fmt: skip
    value = inf if found.x is None else float(found.fun)
    bound = getattr(found, "mip_dual_bound", None)
    if bound is None:
        bound = value if found.status == 0 else -inf
    return Solution(found.x, value, float(bound), optimal=found.status == 0, impossible=found.status == 2)


def _by_telling(programme: IntegerProgramme, time_limit_s: float, gap: float, run: _Run) -> Solution:
    kinds, states = _told_by.cb.HighsCallbackType, _told_by.HighsModelStatus
    solver = _told_by._Highs()
    for name, value in (("output_flag", False), ("time_limit", time_limit_s), ("mip_rel_gap", gap)):
        solver.setOptionValue(name, value)
    solver.passModel(_model(programme))

    def told(kind: Any, _message: str, out: Any, answer: Any, _given: Any) -> None:
        if kind == kinds.kCallbackMipImprovingSolution:
            x = np.array(out.mip_solution, dtype=float)
            if x.shape == programme.prices.shape:  # older versions tell three of them only
                run.best = x, float(out.objective_function_value)
        run.at_least = max(run.at_least, float(out.mip_dual_bound))
        if run.stop.is_set():
            answer.user_interrupt = True

    solver.setCallback(told, None)
    for kind in (kinds.kCallbackMipImprovingSolution, kinds.kCallbackMipInterrupt):
        solver.startCallback(kind)
    solver.run()
    state, info = solver.getModelStatus(), solver.getInfo()
    usable = state in (states.kOptimal, states.kTimeLimit, states.kInterrupt)
    if not usable or not np.isfinite(info.objective_function_value):
        return Solution(None, inf, float(info.mip_dual_bound), impossible=state == states.kInfeasible)
    x = np.array(solver.getSolution().col_value, dtype=float)
    optimal = state == states.kOptimal
    return Solution(x, float(info.objective_function_value), float(info.mip_dual_bound), optimal=optimal)


def _model(programme: IntegerProgramme) -> Any:
    model, matrix = _told_by.HighsLp(), csc_array(programme.matrix)
    rows, columns = matrix.shape
    model.num_row_, model.num_col_ = rows, columns
    model.a_matrix_.num_row_, model.a_matrix_.num_col_ = rows, columns
    model.a_matrix_.format_ = _told_by.MatrixFormat.kColwise
    model.a_matrix_.start_, model.a_matrix_.index_ = matrix.indptr, matrix.indices
    model.a_matrix_.value_ = matrix.data
    model.col_cost_ = programme.prices
    model.col_lower_, model.col_upper_ = programme.bounds
    model.row_lower_, model.row_upper_ = programme.low, programme.high
    kinds = (_told_by.HighsVarType.kContinuous, _told_by.HighsVarType.kInteger)
    model.integrality_ = [kinds[int(whole)] for whole in programme.whole]
    return model
