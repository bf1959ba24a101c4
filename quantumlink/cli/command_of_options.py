"""Commands from dataclasses: each field, annotated as typer reads it, is a parameter of the command."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import fields
from typing import Any, TypeVar, get_type_hints

from quantumlink.cli.result import Result

Options = TypeVar("Options")


def command_of(kind: type[Options], act: Callable[[Options], Result], summary: str) -> Callable[..., Result]:
    """A function with the fields of a dataclass of options as its parameters, for typer to read.

    Args:
        kind: the dataclass.
        act: what is done with it.
        summary: the command's help.
    """

    def command(**given: Any) -> Result:
        return act(kind(**given))

    hints = get_type_hints(kind, include_extras=True)
    parameters = [
        inspect.Parameter(
            field.name, inspect.Parameter.KEYWORD_ONLY, default=field.default, annotation=hints[field.name]
        )
        for field in fields(kind)  # type: ignore[arg-type]
    ]
    command.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    command.__annotations__ = {parameter.name: parameter.annotation for parameter in parameters} | {
        "return": Result
    }
    command.__doc__ = summary
    return command
