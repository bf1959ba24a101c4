"""Interrupted searches for plans keep what was found, with its bound: by what was pressed when, not by a clock."""

import ctypes
import json
import os
import signal
import sys
import threading
from contextlib import contextmanager
from dataclasses import replace
from itertools import combinations
from threading import Thread
from time import sleep

import numpy as np
import pytest
from scipy.optimize import Bounds, LinearConstraint, milp
from typer.testing import CliRunner

from quantumlink.cli import app
from quantumlink.cli.compiled_output import dropped
from quantumlink.hardware import Node
from quantumlink.link import ElementaryLink
from quantumlink.network import Demand, best_strategy, integer_programme, strategy
from quantumlink.network.integer_programme import IntegerProgramme, Solution, _Run
from quantumlink.network.planning import (
    Costs,
    Equipment,
    greedy,
    pareto_front,
    plan_network,
    roll_out,
)

PARTS = Equipment(fidelity=0.98, success_probability=0.5, attempt_time_s=1e-3)
GRID = [f"s{i}" for i in range(9)]
FIBRES = [
    (GRID[i], GRID[j], 20 + i) for i, j in combinations(range(9), 2) if j - i in (1, 3) and (j - i, j % 3) != (1, 0)
]
DEMANDS = [Demand("s0", "s8", rate_hz=10), Demand("s2", "s6", rate_hz=20)]
OPTIONS = {"parts": PARTS, "costs": Costs(repeater=10, source=2, fibre_per_km=0.1), "max_link_km": 60}


@contextmanager
def held(pressed):
    yield pressed


def hard(rng, variables=100, conditions=50):
    """Many knapsacks at once: good answers come soon, the proof does not."""
    matrix = rng.integers(1, 100, (conditions, variables)).astype(float)
    prices = -rng.integers(1, 100, variables).astype(float)
    bounds = np.zeros(variables), np.ones(variables)
    return IntegerProgramme(
        prices, np.ones(variables), bounds, matrix, np.full(conditions, -np.inf), matrix.sum(1) / 2
    )


@pytest.fixture
def runs(monkeypatch):
    """The runs of the solver."""
    found = []

    class Seen(_Run):
        def __init__(self):
            super().__init__()
            found.append(self)

    monkeypatch.setattr(integer_programme, "_Run", Seen)
    return found


@pytest.mark.skipif(integer_programme._told_by is None, reason="scipy's HiGHS cannot be asked")
def test_the_best_until_then_is_kept_with_its_bound(runs, monkeypatch):
    programme = hard(np.random.default_rng(1))
    monkeypatch.setattr(integer_programme, "between_parts", lambda: held(lambda: runs[0].best[1] < -1000))
    found = programme.solve(60)
    assert found.interrupted
    assert not found.optimal
    assert set(np.round(found.x, 6)) == {0, 1}
    assert np.all(programme.matrix @ found.x <= programme.high + 1e-6)
    assert programme.prices @ found.x == pytest.approx(found.value)
    assert found.at_least <= found.value < -1000


@pytest.mark.skipif(integer_programme._told_by is None, reason="scipy's HiGHS cannot be asked")
@pytest.mark.skipif(not hasattr(signal, "pthread_kill"), reason="an interrupt reaches no thread that waits")
def test_stopped_at_once_the_solver_is_waited_for_at_the_end_of_the_process(runs, monkeypatch):
    """Else it would call an interpreter that is gone; a thread whose join was interrupted passes for ended."""
    left = []
    monkeypatch.setattr(integer_programme.atexit, "register", lambda wait, *args: left.append((wait, args)))
    monkeypatch.setattr(integer_programme, "between_parts", lambda: held(lambda: False))
    mine = threading.get_ident()

    def stop():
        while not (runs and runs[0].best[1] < -1000):
            sleep(0.01)
        sleep(0.02)  # into the wait
        signal.pthread_kill(mine, signal.SIGINT)

    Thread(target=stop, daemon=True).start()
    with pytest.raises(KeyboardInterrupt):
        hard(np.random.default_rng(1)).solve(60)
    ((wait, args),) = left
    assert wait(*args)
    assert runs[0].stop.is_set()
    assert runs[0].solution.value < -1000  # it had not ended before


def test_where_the_solver_cannot_be_asked_an_interrupt_leaves_nothing(monkeypatch):
    monkeypatch.setattr(integer_programme, "_told_by", None)
    monkeypatch.setattr(integer_programme, "between_parts", lambda: held(lambda: True))
    found = hard(np.random.default_rng(1)).solve(1)
    assert (found.x, found.interrupted, found.at_least) == (None, True, -np.inf)


@pytest.mark.parametrize("asked", [True, False])
def test_solutions_are_those_of_scipy(asked, rng, monkeypatch):
    """Optimal, impossible, unbounded, out of time: with the solver that tells and without."""
    if not asked:
        monkeypatch.setattr(integer_programme, "_told_by", None)
    for _ in range(25):
        n, m = rng.integers(2, 10), rng.integers(1, 6)
        matrix, prices = rng.integers(-5, 10, (m, n)).astype(float), rng.integers(-9, 9, n).astype(float)
        whole = rng.integers(0, 2, n)
        upper = np.where(rng.random(n) < 0.2, np.inf, rng.integers(1, 6, n))
        low, high = np.where(rng.random(m) < 0.4, rng.integers(-5, 3, m), -np.inf), rng.integers(3, 30, m)
        found = IntegerProgramme(prices, whole, (np.zeros(n), upper), matrix, low, high.astype(float)).solve(
            10, 0.0
        )
        theirs = milp(
            prices, integrality=whole, bounds=Bounds(0, upper), constraints=LinearConstraint(matrix, low, high)
        )
        assert (found.optimal, found.impossible) == (theirs.status == 0, theirs.status == 2)
        if found.optimal:
            assert found.value == pytest.approx(theirs.fun) == pytest.approx(prices @ found.x)
            assert found.at_least == pytest.approx(found.value)


def stopped(monkeypatch, *, with_answer):
    """The solver is interrupted at its end, or before it has anything."""
    solve = IntegerProgramme.solve

    def interrupted(self, *given):
        if not with_answer:
            return Solution(None, np.inf, -np.inf, interrupted=True)
        found = solve(self, *given)
        return replace(found, at_least=0.8 * found.value, optimal=False, interrupted=True)

    monkeypatch.setattr(IntegerProgramme, "solve", interrupted)


@pytest.mark.parametrize("with_answer", [True, False])
def test_an_interrupted_plan_is_one(with_answer, monkeypatch):
    best = plan_network(GRID, FIBRES, DEMANDS, **OPTIONS)
    assert not best.interrupted
    stopped(monkeypatch, with_answer=with_answer)
    with pytest.warns(UserWarning, match="interrupted: this plan costs .*, and none costs less than"):
        plan = plan_network(GRID, FIBRES, DEMANDS, **OPTIONS)
    assert plan.interrupted
    assert not plan.proven
    assert plan.at_least <= best.cost <= plan.cost
    assert plan.network.capacity(DEMANDS).scale >= 1 - 1e-6
    assert f"interrupted, at least {plan.at_least:.6g}" in repr(plan)
    if with_answer:
        assert plan.cost == pytest.approx(best.cost)


def test_a_plan_led_once_is_kept(monkeypatch):
    monkeypatch.setattr(greedy, "between_parts", lambda: held(lambda: True))
    with pytest.warns(UserWarning, match="interrupted"):
        plan = plan_network(GRID, FIBRES, DEMANDS, **OPTIONS)
    assert plan.interrupted
    with pytest.warns(UserWarning, match="interrupted"):
        (point,) = pareto_front(GRID, FIBRES, DEMANDS, scales=(1, 2), **OPTIONS)
    assert (point.scale, point.plan.interrupted) == (1, True)


def test_without_any_plan_an_interrupt_is_one(monkeypatch):
    """Nor is a budget in the way of what was not looked at."""
    stopped(monkeypatch, with_answer=False)
    with pytest.raises(KeyboardInterrupt):
        plan_network(GRID, FIBRES, DEMANDS, budget=1, **OPTIONS)
    with pytest.warns(UserWarning, match="interrupted"):
        plan = plan_network(GRID, FIBRES, DEMANDS, **OPTIONS)
    with pytest.raises(KeyboardInterrupt), pytest.warns(UserWarning, match="interrupted"):
        plan.sensitivity(replan=True)
    with pytest.raises(KeyboardInterrupt):
        roll_out(plan, budget_per_year=plan.cost / 3, years=3)


def test_an_interrupted_roll_out_is_one(monkeypatch):
    plan = plan_network(GRID, FIBRES, DEMANDS, **OPTIONS)
    years = roll_out(plan, budget_per_year=plan.cost / 2, years=3)
    stopped(monkeypatch, with_answer=True)
    with pytest.warns(UserWarning, match="interrupted: this is the best roll-out found so far"):
        assert roll_out(plan, budget_per_year=plan.cost / 2, years=3) == years


@pytest.mark.skipif(os.name == "nt", reason="names the C library as others do")
def test_what_compiled_code_prints_is_no_output_of_a_command(capfd):
    """HiGHS 1.12 prints a line of its own where it mends a solution: not before JSON, nor after."""
    with dropped():
        ctypes.CDLL(None).puts(b"noise")
    ctypes.CDLL(None).fflush(None)
    sys.stdout.write("own\n")
    assert capfd.readouterr().out == "own\n"


def test_build_prints_the_plan_that_was_found(tmp_path, monkeypatch):
    lines = [f"[sites.{name}]" for name in GRID]
    lines += [f'[[fibres]]\nbetween = ["{a}", "{b}"]\nlength_km = {km}' for a, b, km in FIBRES]
    lines += ["[parts]", "fidelity = 0.98", "success_probability = 0.5", "attempt_time_s = 1e-3"]
    (tmp_path / "map.toml").write_text("\n".join(lines))
    (tmp_path / "wanted.csv").write_text("a,b,rate_hz\ns0,s8,10\ns2,s6,20\n")
    (tmp_path / "prices.toml").write_text("repeater = 10\nsource = 2\n")
    monkeypatch.chdir(tmp_path)
    stopped(monkeypatch, with_answer=False)
    command = ["build", "map.toml", "--demands", "wanted.csv", "--costs", "prices.toml", "--json"]
    ran = CliRunner().invoke(app, [*command, "--network", "plan.toml"])
    assert ran.exit_code == 130
    assert "interrupted: this is the cheapest plan found so far" in ran.stderr
    told = json.loads(ran.stdout)
    assert told["interrupted"] == "this is the cheapest plan found so far"
    assert told["at_least"] < told["cost"]
    assert (tmp_path / "plan.toml").exists()


HOPS = [
    ElementaryLink(Node(a), Node(b), fidelity=0.95, rate_hz=100) for a, b in ("ar", "rs", "sb")
]  # fmt: skip


def test_an_interrupted_strategy_is_the_best_of_what_was_compared(monkeypatch):
    whole = best_strategy(HOPS, objective="rate", min_fidelity=0.85)
    monkeypatch.setattr(strategy, "alternatives", lambda *_, **__: (_ for _ in ()).throw(KeyboardInterrupt))
    with pytest.warns(UserWarning, match="interrupted: only simple ways on the first path were compared"):
        found = best_strategy(HOPS, objective="rate", min_fidelity=0.85)
    assert found.interrupted in found.explanation
    assert found.fidelity >= 0.85
    assert found.rate_hz <= whole.rate_hz
    with pytest.raises(KeyboardInterrupt):  # there may be one, which was not looked at
        best_strategy(HOPS, objective="rate", min_fidelity=0.999)
