"""Whose life ends where: a qubit that is not used again is traced out, a bit that is not read again forgotten.

Both are told for each step at every depth, so a composite that reads a bit reads it at its own time. And which
steps have nothing to do with each other.
"""

from __future__ import annotations

from collections.abc import Collection

from quantumlink.exact.classical import Assignment
from quantumlink.exact.steps import (
    Assign,
    Block,
    Choose,
    Jump,
    Lives,
    Measure,
    Operate,
    Repeat,
    Reset,
    Step,
    While,
    blocks_of,
)
from quantumlink.exact.transfer import UnsupportedOperation


def end_lives(block: Block, live: Lives, out: Lives | None, on: Lives | None) -> None:
    """Note for each step whose life it ends.

    Args:
        block: the steps.
        live: what is live after them; becomes what is live before them.
        out: what is live where `break_loop` goes.
        on: what is live where `continue_loop` goes.
    """
    qubits, cells = live
    for step in reversed(block):
        if isinstance(step, Operate):
            step.done_qubits = tuple([q for q in step.qubits if q not in qubits])
            qubits.update(step.qubits)
        elif isinstance(step, Measure):
            step.done_qubits = () if step.qubit in qubits else (step.qubit,)
            step.done_cells = () if step.cell in cells else (step.cell,)
            qubits.add(step.qubit)
            cells.discard(step.cell)
        elif isinstance(step, Reset):
            step.done_qubits = () if step.qubit in qubits else (step.qubit,)
            qubits.discard(step.qubit)
        elif isinstance(step, Assign):
            step.done_cells = tuple({*step.assignment.cells, *step.assignment.values.cells} - cells)
            _unset(step.assignment, cells)
        elif isinstance(step, Jump):
            found = out if step.out else on
            if found is None:
                name = "break_loop" if step.out else "continue_loop"
                raise UnsupportedOperation(f"a {name} stands outside of any loop")
            qubits.clear()
            cells.clear()
            qubits.update(found[0])
            cells.update(found[1])
        else:
            _end_lives_inside(step, live, out, on)


def _end_lives_inside(step: Choose | Repeat | While, live: Lives, out: Lives | None, on: Lives | None) -> None:
    used_qubits, used_cells, jumps = _used_by(step)
    qubits, cells = live
    step.touched = tuple(used_qubits)
    if isinstance(step, Choose) and jumps:  # a way past what it does not use
        targets = [lives for lives in (out, on) if lives is not None]
        used_qubits = used_qubits.union(qubits, *(lives[0] for lives in targets))
        used_cells = used_cells.union(cells, *(lives[1] for lives in targets))
    after = (qubits & used_qubits, cells & used_cells)
    if isinstance(step, Choose):
        before: Lives = (set(after[0]), {*after[1], *step.choice.cells})
        for block in step.blocks:
            inner = (set(after[0]), set(after[1]))
            end_lives(block, inner, out, on)
            before[0].update(inner[0])
            before[1].update(inner[1])
    else:
        before = _before_loop(step, after)
    step.done_qubits = tuple(used_qubits - after[0])
    step.done_cells = tuple(used_cells - after[1])
    qubits -= used_qubits
    cells -= used_cells
    qubits |= before[0]
    cells |= before[1]


def _before_loop(step: Repeat | While, after: Lives) -> Lives:
    blocks = {id(block) for _, block in step.rounds} if isinstance(step, Repeat) else set()
    if isinstance(step, Repeat) and len(blocks) == len(step.rounds):
        lives = (set(after[0]), set(after[1]))
        for given, block in reversed(step.rounds):
            on = (set(lives[0]), set(lives[1]))
            end_lives(block, lives, after, on)
            if given is not None:
                _unset(given, lives[1])
        return lives
    rounds = step.rounds if isinstance(step, Repeat) else ((None, step.block),)
    read = step.condition.cells if isinstance(step, While) else ()
    set_first = {cell for given, _ in rounds if given is not None for cell in given.cells}
    top = (set(after[0]), {*after[1], *read})
    while True:  # what one round needs, those before it must leave
        before = (set(top[0]), set(top[1]))
        end_lives(rounds[0][1], before, after, top)
        before[1].difference_update(set_first)
        if before[0] <= top[0] and before[1] <= top[1]:
            return top
        top = (top[0] | before[0], top[1] | before[1])


def _unset(given: Assignment, cells: set[int]) -> None:
    cells.difference_update(given.cells)
    cells.update(given.values.cells)


def _used_by(step: Step) -> tuple[set[int], set[int], bool]:
    """The qubits and cells that are used in a step, and whether it may jump out of it."""
    qubits: set[int] = set()
    cells: set[int] = set()
    jumps = False
    for inner in (s for block in blocks_of(step) for s in block):
        if isinstance(inner, Operate):
            qubits.update(inner.qubits)
        elif isinstance(inner, Measure):
            qubits.add(inner.qubit)
            cells.add(inner.cell)
        elif isinstance(inner, Reset):
            qubits.add(inner.qubit)
        elif isinstance(inner, Assign):
            cells.update(inner.assignment.cells, inner.assignment.values.cells)
        elif isinstance(inner, Jump):
            jumps = True
        else:
            more_qubits, more_cells, inner_jumps = _used_by(inner)
            qubits |= more_qubits
            cells |= more_cells
            jumps |= inner_jumps and isinstance(inner, Choose)
    if isinstance(step, Choose):
        cells.update(step.choice.cells)
    elif isinstance(step, While):
        cells.update(step.condition.cells)
    elif isinstance(step, Repeat):
        cells.update(*((*given.cells, *given.values.cells) for given, _ in step.rounds if given is not None))
    return qubits, cells, jumps


def used_by(step: Step) -> tuple[list[int], list[int]]:
    """The qubits and classical cells that a step uses, blocks included."""
    qubits, cells, _ = _used_by(step)
    return list(qubits), list(cells)


def independent_parts(block: Block, wanted: Collection[int]) -> list[Block]:
    """The steps in groups that share no qubit and no classical cell, each in order.

    A group that holds none of the wanted cells is left out, unless it has blocks (a loop in it might not end).
    """
    group_of: dict[tuple[str, int], int] = {}
    groups: list[list[int] | None] = []
    for number, step in enumerate(block):
        qubits, cells, _ = _used_by(step)
        keys = [*(("q", q) for q in qubits), *(("c", c) for c in cells)]
        met = sorted({group_of[key] for key in keys if key in group_of}, key=lambda g: -len(groups[g] or ()))
        into = met[0] if met else len(groups)
        if not met:
            groups.append([])
        target = groups[into]
        assert target is not None
        for other in met[1:]:
            target += groups[other] or []
            groups[other] = None
            group_of.update({key: into for key, group in group_of.items() if group == other})
        target.append(number)
        group_of.update(dict.fromkeys(keys, into))
    parts = [tuple(block[i] for i in sorted(group)) for group in groups if group is not None]
    cells_of = {group_of[key]: True for key in group_of if key[0] == "c" and key[1] in wanted}
    return [
        part
        for part, number in zip(parts, (i for i, group in enumerate(groups) if group is not None), strict=True)
        if number in cells_of or any(isinstance(step, Choose | Repeat | While) for step in part)
    ]
