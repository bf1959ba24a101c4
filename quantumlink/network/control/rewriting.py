"""One function of the loop, rewritten for many trials at once: see `quantumlink.network.control.lockstep`.

Whatever is looked up is given a name of its own, and is not looked up again as long as the same lanes go on and
nothing has changed it.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Sequence
from contextlib import contextmanager
from typing import Any

from quantumlink.network.control.loop_source import (
    Loop,
    assigned,
    called,
    draws,
    drops,
    first_like,
    has,
    own,
    stored,
    wide_names,
)

CALLS = {"int": "whole", "float": "as_it_is", "bool": "as_it_is", "min": "least", "max": "most"}

SIGNS: dict[type, str] = {
    ast.Add: "+", ast.Sub: "-", ast.Mult: "*", ast.Div: "/", ast.FloorDiv: "//", ast.Mod: "%", ast.BitAnd: "&",
    ast.Pow: "**", ast.RShift: ">>", ast.Eq: "==", ast.NotEq: "!=", ast.Lt: "<", ast.LtE: "<=", ast.Gt: ">",
    ast.GtE: ">=",
}  # fmt: skip


def rewritten(tree: ast.FunctionDef, loop: Loop) -> str:
    """The source of a function for many trials at once."""
    return _Rewriting(tree, loop).source()


class _Rewriting(ast.NodeVisitor):
    """One function, rewritten: statements are said line by line, expressions are returned."""

    def __init__(self, tree: ast.FunctionDef, loop: Loop) -> None:
        self._tree, self._loop, self._known = tree, loop, set(loop.changes)
        self._lines: list[str] = []
        self._depth, self._count = 1, 0
        self._lanes = [0]
        """Numbers of the set of lanes that goes on, the newest last: what is held for one of them is right."""
        self._counters: set[str] = set()
        """Names that count the turns of loops that all take together."""
        self._held: dict[tuple[int, str], str] = {}
        """What has a name: for which lanes, and what it is."""
        self._loops: list[tuple[str, str]] = []
        """Of each loop that is around, the names of who has left it, and of who goes on with its next turn."""
        self._given = [a.arg for a in tree.args.args]
        arguments = [name for name in self._given if not _is_tuple(name)]
        self._wide = wide_names(tree, arguments)
        self._names = {*arguments, *assigned(tree.body)}
        at_the_end = isinstance(tree.body[-1], ast.Return)
        self._loose = has(tree.body[:-1] if at_the_end else tree.body, ast.Return)
        """Whether it returns in other places than at its end."""

    def source(self) -> str:
        """Its source."""
        gives = any(isinstance(n, ast.Return) and n.value is not None for n in ast.walk(self._tree))
        for name in self._given:
            if name in self._names:
                self._say(f"{name}_.set(L, {name}_given)")
                self._held[0, name] = f"{name}_given"
        self._suite(self._tree.body)
        if gives and self._loose:
            self._say("return R.at(E)")
        text = "\n".join(self._lines)
        head = ["    E = L", "    R = Wide(S.lanes)"] if gives and self._loose else []
        read = {name for name in self._names if f"{name}_.at(" in text}
        head += [f"    {n}_ = {'Wide' if n in self._wide else 'Local'}(S.lanes)" for n in sorted(read)]
        body = [x for x in self._lines if not any(x.lstrip().startswith(f"{n}_.set(") for n in self._names - read)]
        given = [name if _is_tuple(name) else f"{name}_given" for name in self._given]
        return "\n".join([f"def {self._tree.name}({', '.join(given)}, L):", *head, *body, "    pass"])

    def _say(self, line: str) -> None:
        self._lines.append("    " * self._depth + line)

    def _new(self, kind: str) -> str:
        self._count += 1
        return f"_{kind}{self._count}"

    def _named(self, what: str, kind: str = "v") -> str:
        """A name for what an expression gives now."""
        if what.isidentifier() or what.lstrip("-").replace(".", "", 1).isdigit():
            return what
        name = self._new(kind)
        self._say(f"{name} = {what}")
        return name

    def _once(self, what: str) -> str:
        """A name for what an expression gives for these lanes, the one that it has if nothing was changed since."""
        for lanes in self._lanes:
            if (lanes, what) in self._held:
                return self._held[lanes, what]
        name = self._new("v")
        self._say(f"{name} = {what}")
        self._held[self._lanes[-1], what] = name
        return name

    def _forget(self, names: set[str], fields: set[str]) -> None:
        """What is held of names and fields of the state is no longer so."""
        for key in list(self._held):
            if key[1] in names or (key[1].startswith("S.") and key[1][2:].split(".take(")[0] in fields):
                del self._held[key]

    def _same_lanes(self, before: list[int]) -> None:
        """The same go on, but what they find here is not known outside."""
        self._count += 1
        self._lanes = [*before, self._count]

    def _other_lanes(self) -> None:
        """From here on others go on."""
        self._count += 1
        self._lanes = [self._count]

    @contextmanager
    def _within(self, line: str) -> Any:
        """A suite of its own in the source."""
        self._say(line)
        self._depth += 1
        yield
        self._say("pass")  # what was said may turn out to be read by nobody
        self._depth -= 1

    # Statements

    def _suite(self, body: Sequence[ast.stmt]) -> None:
        depth = self._depth
        for i, node in enumerate(body):
            if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
                continue
            self.visit(node)
            if drops(node) and i + 1 < len(body):
                self._say("if L.size:")
                self._depth += 1
        self._depth = depth

    def visit_Expr(self, node: ast.Expr) -> None:
        self._say(self._value(node.value))

    def visit_Assign(self, node: ast.Assign) -> None:
        target, value = node.targets[0], node.value
        if isinstance(target, ast.Tuple):
            assert isinstance(value, ast.Tuple)
            found = [self._named(self._value(each)) for each in value.elts]
            for each, name in zip(target.elts, found, strict=True):
                self._put(each, name)
            return
        name = self._named(self._value(value))
        for each in node.targets:
            self._put(each, name)

    def _put(self, target: ast.expr, value: str) -> None:
        if isinstance(target, ast.Name):
            self._say(f"{target.id}_.set(L, {value})")
            self._forget({target.id}, set())
            self._held[self._lanes[-1], target.id] = value
            return
        assert isinstance(target, ast.Subscript)
        array, place, _ = self._place(target)
        self._say(f"{array}[{place}] = {value}")
        self._forget(set(), stored(target))

    def visit_AugAssign(self, node: ast.AugAssign) -> None:
        sign, value = SIGNS[type(node.op)], self._value(node.value)
        if isinstance(node.target, ast.Name):
            now = self.visit_Name(ast.Name(node.target.id, ast.Load()))
            self._put(node.target, self._named(f"{now} {sign} {value}"))
            return
        assert isinstance(node.target, ast.Subscript)
        array, place, _ = self._place(node.target)
        self._say(f"{array}[{place}] = {array}.take({place}) {sign} {value}")
        self._forget(set(), stored(node.target))

    def visit_Return(self, node: ast.Return) -> None:
        if not self._loose:
            self._say(f"return {self._value(node.value)}" if node.value is not None else "return")
            return
        if node.value is not None:
            self._say(f"R.set(L, {self._value(node.value)})")
        self._say("L = NOBODY")

    def visit_Break(self, node: ast.Break) -> None:
        self._say(f"{self._loops[-1][0]}.append(L)")
        self._say("L = NOBODY")

    def visit_Continue(self, node: ast.Continue) -> None:
        self._say(f"{self._loops[-1][1]}.append(L)")
        self._say("L = NOBODY")

    def visit_If(self, node: ast.If) -> None:
        if self._plain(node.test):
            self._one_way(node)
            return
        condition = self._value(node.test)
        before, whole, some, others = self._lanes, self._new("k"), self._new("a"), self._new("b")
        leaves = drops(node)
        self._say(f"{whole} = L")
        both = leaves or node.orelse
        self._say(f"{some}, {others} = L.parts({condition})" if both else f"{some} = L.where({condition})")
        for lanes, body in ((some, node.body), (others, node.orelse)):
            if not body:
                continue
            with self._within(f"if {lanes}.size:"):
                self._other_lanes()
                self._say(f"L = {lanes}")
                self._suite(body)
                if leaves:
                    self._say(f"{lanes} = L")
        self._say(f"L = together({some}, {others})" if leaves else f"L = {whole}")
        self._lanes = before
        if leaves:
            self._other_lanes()

    def _one_way(self, node: ast.If) -> None:
        """A condition that is the same for all."""
        before = self._lanes
        for line, body in ((f"if {self._value(node.test)}:", node.body), ("else:", node.orelse)):
            if body:
                with self._within(line):
                    self._same_lanes(before)
                    self._suite(body)
        self._lanes = before
        if drops(node):
            self._other_lanes()

    def _plain(self, node: ast.expr) -> bool:
        """Whether something is plainly the same for all lanes."""
        names = [n for n in ast.walk(node) if isinstance(n, ast.Name)]
        fields = [n.attr for n in ast.walk(node) if isinstance(n, ast.Attribute)]
        looks = any(isinstance(n, (ast.Call, ast.Subscript)) for n in ast.walk(node))
        varies = any(n.id in self._names - self._counters for n in names)
        return not looks and not varies and not any(self._loop.axes.get(("T", f), 1) for f in fields)

    def visit_While(self, node: ast.While) -> None:
        self._turns(node, lambda: self._value(node.test), None)

    def visit_For(self, node: ast.For) -> None:
        assert isinstance(node.iter, ast.Call)
        assert isinstance(node.target, ast.Name)
        name, bounds = node.target.id, [self._value(bound) for bound in node.iter.args]
        low, high, *down = bounds if len(bounds) > 1 else ("0", bounds[0])
        assert down in ([], ["(-1)"])
        if low.isdigit() and high.isdigit() and not any(drops(inner) for inner in node.body):
            self._counted(node, name, f"range({low}, {high})")
            return
        before, step = (">", "- 1") if down else ("<", "+ 1")
        end = self._new("n")
        self._say(f"{end} = Local(S.lanes)")
        self._say(f"{end}.set(L, {high})")
        self._put(node.target, self._named(low))

        def on() -> None:
            now = self.visit_Name(ast.Name(name, ast.Load()))
            self._put(node.target, self._named(f"{now} {step}"))

        test = f"{before} {end}.at(L)"
        self._turns(node, lambda: f"{self.visit_Name(ast.Name(name, ast.Load()))} {test}", on)

    def _counted(self, node: ast.For, name: str, turns: str) -> None:
        """A loop of as many turns for all, which nobody leaves."""
        changed = stored(node).union(*(self._loop.changes[f] for f in called(node, self._known)))
        self._forget(assigned(node.body), changed)
        count, before = self._new("c"), self._lanes
        with self._within(f"for {count} in {turns}:"):
            self._same_lanes(before)
            self._put(node.target, count)
            self._counters.add(name)
            self._suite(node.body)
            self._counters.discard(name)
        self._lanes = before

    def _turns(self, node: ast.While | ast.For, test: Callable[[], str], step: Callable[[], None] | None) -> None:
        """A loop: lanes leave where the test says so, by break, or by return; those are out of the function."""
        before = self._lanes
        whole, gone, on, left = (self._new(kind) for kind in "kgol")
        returns = has([node], ast.Return)
        parts = any(drops(inner) for inner in node.body)
        self._say(f"{whole}, {gone} = L, []")
        with self._within("while True:"):
            self._other_lanes()
            condition = test()
            if condition != "True":
                self._say(f"L, {left} = L.parts({condition})" if returns else f"L = L.where({condition})")
                if returns:
                    self._say(f"{gone}.append({left})")
                self._say("if not L.size: break")
                self._other_lanes()
            self._say(f"{on} = []")
            self._loops.append((gone, on))
            self._suite(node.body)
            self._loops.pop()
            if parts:
                self._say(f"L = together(L, *{on})")
                self._say("if not L.size: break")
                self._other_lanes()
            if step is not None:
                step()
        self._say(f"L = together(*{gone})" if returns else f"L = {whole}")
        self._lanes = before
        if returns:
            self._other_lanes()

    # Expressions

    def _value(self, node: ast.expr) -> str:
        """An expression for the lanes L; what must be done before is said first."""
        found: str = self.visit(node)
        return found

    def generic_visit(self, node: ast.AST) -> None:
        raise NotImplementedError(f"the loop for many trials at once has no {type(node).__name__}")

    def visit_Constant(self, node: ast.Constant) -> str:
        return repr(node.value)

    def visit_Name(self, node: ast.Name) -> str:
        if node.id not in self._names:
            return node.id
        for lanes in self._lanes:
            if (lanes, node.id) in self._held:
                return self._held[lanes, node.id]
        found = self._named(f"{node.id}_.at(L)")
        self._held[self._lanes[-1], node.id] = found
        return found

    def visit_Attribute(self, node: ast.Attribute) -> str:
        assert isinstance(node.value, ast.Name)
        return f"{node.value.id}.{node.attr}"

    def visit_BinOp(self, node: ast.BinOp) -> str:
        return f"({self._value(node.left)} {SIGNS[type(node.op)]} {self._value(node.right)})"

    def visit_UnaryOp(self, node: ast.UnaryOp) -> str:
        inner = self._value(node.operand)
        return f"np.logical_not({inner})" if isinstance(node.op, ast.Not) else f"(-{inner})"

    def visit_Compare(self, node: ast.Compare) -> str:
        one, other = self._value(node.left), node.comparators[0]
        if isinstance(node.ops[0], ast.In):
            assert isinstance(other, ast.Tuple)
            return "(" + " | ".join(f"({one} == {self._value(x)})" for x in other.elts) + ")"
        return f"({one} {SIGNS[type(node.ops[0])]} {self._value(other)})"

    def visit_BoolOp(self, node: ast.BoolOp) -> str:
        both = isinstance(node.op, ast.And)
        if not any(called(value, self._known) or draws(value) for value in node.values[1:]):
            return "(" + (" & " if both else " | ").join(self._value(value) for value in node.values) + ")"
        found, before = self._new("t"), self._lanes
        self._say(f"{found} = {self._value(node.values[0])}")
        for value in node.values[1:]:
            whole, places = self._new("k"), self._new("q")
            self._say(f"{whole} = L")
            self._say(f"L, {places} = L.those({found if both else f'np.logical_not({found})'})")
            with self._within("if L.size:"):
                self._other_lanes()
                self._say(f"{found} = placed({found}, {whole}, {places}, {self._value(value)})")
            self._say(f"L = {whole}")
            self._lanes = before
        return found

    def visit_IfExp(self, node: ast.IfExp) -> str:
        assert not called(node.body, self._known) | called(node.orelse, self._known)
        if self._plain(node.test):
            return self._one_of(node)
        return f"choose({self._value(node.test)}, {self._value(node.body)}, {self._value(node.orelse)})"

    def _one_of(self, node: ast.IfExp) -> str:
        found, before = self._new("v"), self._lanes
        for line, value in ((f"if {self._value(node.test)}:", node.body), ("else:", node.orelse)):
            with self._within(line):
                self._same_lanes(before)
                self._say(f"{found} = {self._value(value)}")
        self._lanes = before
        return found

    def visit_Call(self, node: ast.Call) -> str:
        if isinstance(node.func, ast.Attribute):
            assert isinstance(node.func.value, ast.Name)
            if node.func.value.id == "rng":
                return self._named(f"rng.{node.func.attr}(L)")
            return f"np.{node.func.attr}({', '.join(self._value(x) for x in node.args)})"
        assert isinstance(node.func, ast.Name)
        name = node.func.id
        if name == "len":
            array = node.args[0]
            assert isinstance(array, ast.Attribute)
            return f"S.axis0.{array.attr}" if own(array) else f"len(T.{array.attr})"
        if name not in self._known:
            return f"{CALLS[name]}({', '.join(self._value(x) for x in node.args)})"
        passed = [x.id if isinstance(x, ast.Name) and _is_tuple(x.id) else self._value(x) for x in node.args]
        found = self._new("v")
        self._say(f"{found} = {name}({', '.join(passed)}, L)")
        self._forget(set(), self._loop.changes[name])
        return found

    def visit_Subscript(self, node: ast.Subscript) -> str:
        array, place, rows = self._place(node)
        return self._named(f"{array}[{place}]") if rows else self._once(f"{array}.take({place})")

    def _place(self, node: ast.Subscript) -> tuple[str, str, bool]:
        """An array and where in it something is, and whether it is of rows, the last axis being left open."""
        field = node.value
        assert isinstance(field, ast.Attribute)
        assert isinstance(field.value, ast.Name)
        name, of_lanes = field.attr, own(field)
        index = node.slice.elts if isinstance(node.slice, ast.Tuple) else [node.slice]
        at = self._named(self._value(index[0]))
        for axis, more in enumerate(index[1:], start=1):
            width = f"S.axis{axis}.{first_like(name)}" if of_lanes else f"T.{name}.shape[{axis}]"
            at = f"({at} * {width} + {self._named(self._value(more))})"
        rows = len(index) < self._loop.axes[field.value.id, name]
        if not of_lanes:
            return f"T.{name}.reshape(-1, T.{name}.shape[-1])" if rows else f"T.{name}", self._named(at), rows
        start = f"S.axis0.{first_like(name)}" if rows else f"S.row_size.{first_like(name)}"
        return f"S.in_rows.{name}" if rows else f"S.{name}", self._once(f"L.row({start}) + {at}"), rows


def _is_tuple(name: str) -> bool:
    return name in ("T", "S", "rng")
