"""How every command is called: its options, its result, its mistakes, and Ctrl-C.

A command is a function that returns a `Result`; it prints nothing. Here it gets ``--json`` and ``--csv``, whole
numbers may be written as ``1e6``, a message names the option and not the argument of Python, and what was
interrupted says so.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Mapping, Sequence
from copy import copy
from functools import wraps
from importlib import import_module
from importlib.util import find_spec
from math import inf
from pathlib import Path
from typing import Annotated, Any, ClassVar, get_args, get_type_hints

import typer
from rich.console import Console
from typer.core import TyperCommand
from typer.models import ArgumentInfo, ParameterInfo

from quantumlink.cli.foretelling import steps_told
from quantumlink.cli.interruption import INTERRUPTED
from quantumlink.cli.messages import json_is_wanted, print_error, tell_as_json
from quantumlink.cli.printing import Form, as_csv, as_json, print_result
from quantumlink.cli.result import Result
from quantumlink.cli.written_files import writable, write_data

NO_STRATEGY = 3
"""Exit code where nothing reaches what was asked for."""

TO_STANDARD_OUTPUT = "-"

LEAST_BOXED_HELP = 110
"""Columns from which the help of a command stands in boxes; with fewer, they cut the names of options."""

_NUMBERS = {int: "<whole>", float: "<number>"}
"""What help says of an option's value."""

_FORMS = {"json_file": "--json", "csv_file": "--csv"}


class Command(TyperCommand):
    """A command whose whole numbers may be written as 1e6, and whose ``--json`` and ``--csv`` need no file."""

    whole: ClassVar[frozenset[str]] = frozenset()
    """Names of the parameters that are whole numbers."""
    real: ClassVar[frozenset[str]] = frozenset()
    """Names of those that are one number or several."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Options as the parser wants them."""
        parameters: list[Any] = list(self.params)
        takes_files = any(p.param_type_name == "argument" for p in parameters)
        found: list[str] = []
        args = self._with_numbers(ctx, args)
        for i, token in enumerate(args):
            found.append(token)
            if token in _FORMS.values():
                after = args[i + 1] if i + 1 < len(args) else "--"
                is_file = not after.startswith("-") and (not takes_files or after.endswith(f".{token[2:]}"))
                found += [] if is_file or after == TO_STANDARD_OUTPUT else [TO_STANDARD_OUTPUT]
                if token == "--json":
                    json_is_wanted(not is_file)
        return super().parse_args(ctx, found)

    def _with_numbers(self, ctx: Any, args: list[str]) -> list[str]:
        """The same with whole numbers as digits; what is no number is refused by the name of its option."""
        numbers = {option: p for p in self.params if p.name in self.whole | self.real for option in p.opts}
        found: list[str] = []
        waiting: list[str] = []  # the option of each value that is still to come
        for i, token in enumerate(args):
            if token == "--" and not waiting:
                return [*found, *args[i:]]
            if waiting:
                found.append(self._number(ctx, numbers, waiting.pop(), token))
                continue
            option, equals, value = token.partition("=")
            if equals and option in numbers:
                token = f"{option}={self._number(ctx, numbers, option, value)}"
            elif token in numbers:
                waiting = [token] * numbers[token].nargs
            found.append(token)
        return found

    def _number(self, ctx: Any, numbers: Mapping[str, Any], option: str, text: str) -> str:
        parameter = numbers[option]
        whole = parameter.name in self.whole
        told = _whole(text) if whole else text
        try:
            value = int(told) if whole else float(told)
        except ValueError:
            allowed = "a whole number such as 250000 or 1e6" if whole else "a number such as 0.25 or 1e-10"
            raise typer.BadParameter(f"it must be {allowed}, got {text!r}", ctx=ctx, param=parameter) from None
        if value in (inf, -inf) and "inf" not in text.lower():
            raise typer.BadParameter(f"it must be at most about 1.8e308, got {text!r}", ctx=ctx, param=parameter)
        return told

    def collect_usage_pieces(self, ctx: Any) -> list[str]:
        """What its line of usage holds; later versions of typer put braces around what must be given."""
        return [piece.strip("{}") for piece in super().collect_usage_pieces(ctx)]

    def format_help(self, ctx: Any, formatter: Any) -> None:
        """Its help, in boxes where no name is cut by them."""
        if Console().width < LEAST_BOXED_HELP:
            self.rich_markup_mode = None
        super().format_help(ctx, formatter)


class Shell(typer.Typer):
    """Commands that return results."""

    def command(  # type: ignore[override]
        self,
        name: str | None = None,
        *,
        examples: Sequence[str] = (),
        words: Mapping[str, str] | None = None,
        **options: Any,
    ) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
        """Add a command.

        Args:
            name: its name.
            examples: lines for its help, without ``quantumlink``.
            words: options by the words that the library has for them, where they differ.
            options: what typer takes besides.
        """
        told = "\n\n".join(f"quantumlink {example}" for example in examples)
        options.setdefault("epilog", f"Examples:\n\n{told}" if told else None)
        add = super().command

        def decorate(act: Callable[..., Any]) -> Callable[..., Any]:
            told = told_command(act, words or {})
            kinds = {n: _plain_kinds(kind) for n, kind in get_type_hints(told).items()}
            whole, real = (frozenset(n for n, kind in kinds.items() if kind == {x}) for x in (int, float))
            kind = type("Command", (Command,), {"whole": whole, "real": real})
            add(name, **{"cls": kind, **options})(told)
            return act

        return decorate


def told_command(act: Callable[..., Any], words: Mapping[str, str]) -> Callable[..., None]:
    """A function for typer, which prints what another one returns, and tells its mistakes."""
    hints = get_type_hints(act, include_extras=True)
    signature = inspect.signature(act)
    reports = hints.pop("return", None) is Result
    parameters = [_in_capitals(p.replace(annotation=hints[p.name])) for p in signature.parameters.values()]
    added = [*_form_parameters()] if reports else []

    @wraps(act)
    def command(*args: Any, **given: Any) -> None:
        files = {name: given.pop(name, None) for name in _FORMS} if reports else {}
        with failures_told(words), steps_told():
            asked = _asked(files)
            result = act(*args, **given)
            if isinstance(result, Result):
                _tell(result, asked)

    kinds = inspect.Parameter
    ordered = sorted([*parameters, *added], key=lambda p: p.kind == kinds.KEYWORD_ONLY)
    command.__signature__ = signature.replace(parameters=ordered, return_annotation=None)  # type: ignore[attr-defined]
    command.__annotations__ = {p.name: p.annotation for p in ordered}
    del command.__wrapped__
    return command


def _plain_kinds(kind: Any) -> set[Any]:
    """What values are that a parameter takes: of ``tuple[float, ...] | None`` numbers."""
    inner = [each for each in get_args(kind) if each not in (type(None), ...)]
    return set().union(*map(_plain_kinds, inner)) if inner else {kind}


def _in_capitals(parameter: inspect.Parameter) -> inspect.Parameter:
    """A parameter as help has it: without an option as in messages, ``FILE``; a number by its kind."""
    kind, *told = get_args(parameter.annotation) or (None,)
    if len(told) != 1 or not isinstance(told[0], ParameterInfo) or told[0].metavar is not None:
        return parameter
    info = copy(told[0])
    if isinstance(info, ArgumentInfo):
        info.metavar = parameter.name.upper()
    elif _plain_kinds(kind) in ({int}, {float}):
        info.metavar = _NUMBERS[_plain_kinds(kind).pop()]
    else:
        return parameter
    return parameter.replace(annotation=Annotated[kind, info])


class failures_told:  # noqa: N801
    """One line and an exit code for what is wrong: 1, 3 where no strategy is good enough, 130 if interrupted."""

    def __init__(self, words: Mapping[str, str] | None = None) -> None:
        self._words = words or {}

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: Any, error: BaseException | None, trace: Any) -> None:
        if error is None or isinstance(error, (typer.Exit, BrokenPipeError)):
            return  # whoever read along had enough: nothing is wrong
        if _interrupted(error):
            told = "interrupted: nothing was written"
            Console(stderr=True).print(told)
            tell_as_json(told, INTERRUPTED)
            raise typer.Exit(INTERRUPTED) from None
        from quantumlink.execution.jobs.errors import JobError
        from quantumlink.network import NoPlan, NoStrategy

        if isinstance(error, (JobError, ImportError, OSError, TypeError, ValueError)):
            exit_code = NO_STRATEGY if isinstance(error, (NoPlan, NoStrategy)) else 1
            print_error(_of_file(error) or in_options(str(error), self._words), exit_code)
            raise typer.Exit(exit_code) from error
        usage: Any = error
        if hasattr(usage, "format_message"):  # of whichever click typer has; the line itself is typer's
            tell_as_json(usage.format_message(), usage.exit_code)


def _of_file(error: Exception) -> str:
    """What the system says, of a file or else, without its number; empty for anything else."""
    if not isinstance(error, OSError) or not error.strerror:
        return ""
    return error.strerror if error.filename is None else f"{error.filename}: {error.strerror}"


def _interrupted(error: BaseException | None) -> bool:
    """Whether Ctrl-C is behind it: compiled code that loads makes another error of it."""
    while error is not None and not isinstance(error, KeyboardInterrupt):
        error = error.__cause__ or error.__context__
    return error is not None


def in_options(text: str, words: Mapping[str, str]) -> str:
    """A message of the library's with options in place of arguments, if it is about what the command was given."""
    context = _context()
    if context is None or re.search(r"\[\[?\w+[\].]", text.partition(" must ")[0]):
        return text  # about a table of a file, whose keys are what the message names
    known = {p.name: _shown(p) for p in context.command.params} | dict(words)
    known = {name: option for name, option in known.items() if name and name not in ("help", *_FORMS)}
    made = re.split(_MADE, text)  # how a part was made is told in Python's words: Fiber(length_km=50.0)
    if len(made) > 1:
        made[::2] = [_with_options(part, known, first=not i) for i, part in enumerate(made[::2])]
        return "".join(made)
    return _with_options(text, known, first=True)


_MADE = r"(\b[A-Z]\w*\((?:[^()]|\((?:[^()]|\([^()]*\))*\))*\))"
"""A part of the library's as its text has it, the parts within included."""


def _with_options(text: str, known: Mapping[str, str], *, first: bool) -> str:
    """A piece of a message; it begins with what is wrong if it is the first one."""
    begins = re.match(r"(\w+)\b(?!\.\w)", text) if first else None
    if begins and begins[1] in known and re.match(r"( |\[)", text[begins.end() :] or "."):
        text = known[begins[1]] + text[begins.end() :]
    plain = "|".join(re.escape(name) for name in known if "_" not in name)
    if plain:  # a word of its own only before its value
        text = re.sub(rf"(?<![\w.<-])({plain})(?==\d| is \d)", lambda m: known[m[1]], text)
    compound = "|".join(re.escape(name) for name in known if "_" in name)
    return re.sub(rf"(?<![\w-])({compound})(?![\w-])", lambda m: known[m[1]], text) if compound else text


def _shown(parameter: Any) -> str:
    if parameter.param_type_name == "argument":
        return str(parameter.metavar or parameter.name.upper())
    return str(max(parameter.opts, key=len))


def _context() -> Any:
    # Later versions of typer bring a click of their own.
    name = "typer._click.globals" if find_spec("typer._click") else "click"
    return import_module(name).get_current_context(silent=True)


def _whole(text: str) -> str:
    """A whole number as digits, such as 1e6 or 2.5e3; anything else as it is.

    >>> _whole("1e6"), _whole("1e-3"), _whole("many")
    ('1000000', '1e-3', 'many')
    """
    match = re.fullmatch(r"([+-]?)(\d+)(?:\.(\d*))?[eE]\+?(\d{1,2})", text)
    if match is None:
        return text
    sign, before, after, power = match[1], match[2], (match[3] or "").rstrip("0"), int(match[4])
    return text if len(after) > power else sign + before + after + "0" * (power - len(after))


def _form_parameters() -> list[inspect.Parameter]:
    helps = {
        "json_file": "Everything as JSON, on standard output or in a file.",
        "csv_file": "The first table as CSV, on standard output or in a file.",
    }
    return [
        inspect.Parameter(
            name,
            inspect.Parameter.KEYWORD_ONLY,
            default=None,
            annotation=Annotated[
                Path | None, typer.Option(option, metavar="[FILE]", help=helps[name], show_default=False)
            ],
        )
        for name, option in _FORMS.items()
    ]


def _asked(files: Mapping[str, Path | None]) -> dict[Form, Path | None]:
    """The forms that are asked for: None for standard output. What cannot be written is refused before the work."""
    asked: dict[Form, Path | None] = {}
    for name, path in files.items():
        if path is not None:
            form = Form(_FORMS[name].removeprefix("--"))
            asked[form] = None if str(path) == TO_STANDARD_OUTPUT else writable(_FORMS[name], path)
    if list(asked.values()).count(None) > 1:
        raise ValueError("--json and --csv cannot both go to standard output: name a file for one of them")
    return asked


def _tell(result: Result, asked: Mapping[Form, Path | None]) -> None:
    printed = False
    lines = []
    for form, path in asked.items():
        if path is None:
            print_result(result, form)
            printed = True
        else:
            text = as_json(result) + "\n" if form is Form.json else as_csv(result)
            write_data(path, text)
            lines.append(f"{form.name.upper()}: {path}")
    if not printed:
        print_result(result)
        for line in lines:
            typer.echo(line)
    if result.interrupted:
        Console(stderr=True).print(f"interrupted: {result.interrupted}", soft_wrap=True)
        raise typer.Exit(INTERRUPTED)
    if result.exit_code:
        raise typer.Exit(result.exit_code)
