"""Options of protocols that somebody else registered: those of their kind, and an option for each plain field.

A session with a ``medium`` and an ``eavesdropper`` is one of prepare and measure over a fibre, one with a ``link``
is over pairs. Its other fields become options if their defaults are numbers, text, or yes and no; the rest stay as
they are by default.
"""

from __future__ import annotations

from dataclasses import MISSING, field, fields, make_dataclass
from typing import Annotated, Any, cast

import typer

from quantumlink.cli.qkd_options import CommonOptions, SenderOptions
from quantumlink.cli.qkd_pairs import PairOptions
from quantumlink.cli.qkd_protocols import PROTOCOLS
from quantumlink.parts import Part, parts_of
from quantumlink.qkd.protocols import Session

PLAIN = (bool, int, float, str)
"""Types of fields that can be options."""


def own_protocols() -> dict[str, Part]:
    """The protocols by name that are not the library's."""
    return {name: part for name, part in parts_of("protocol").items() if name not in PROTOCOLS}


def options_of(part: Part) -> type[CommonOptions]:
    """The options of a protocol, as a dataclass like those of ours.

    Raises:
        ValueError: if its session needs something that no option can give.
    """
    known = {each.name: each for each in fields(part.cls) if each.init}
    base = PairOptions if "link" in known else SenderOptions
    made = {"link"} if base is PairOptions else {"medium", "detector", "eavesdropper", "repetition_rate_hz"}
    taken = {*made, "play_medium", *(f.name for f in fields(CommonOptions))}
    own = {name: each for name, each in known.items() if name not in taken}
    needed = [name for name, each in own.items() if each.default is MISSING and each.default_factory is MISSING]
    needed += [name for name in ("medium", "eavesdropper") if base is SenderOptions and name not in known]
    if needed:
        raise ValueError(
            f"the command line cannot make {part.cls.__name__}: nothing says what its {', '.join(needed)} is; "
            "run its session in Python"
        )
    options = {name: each.default for name, each in own.items() if type(each.default) in PLAIN}

    def session(self: CommonOptions, _protocol: str) -> Session:
        given = {name: getattr(self, name) for name in options}
        if isinstance(self, PairOptions):
            return cast(Session, part.cls(link=self.link(), **self.shared(), **given))
        sent = cast(SenderOptions, self).sent()
        return cast(Session, part.cls(**{name: value for name, value in sent.items() if name in known}, **given))

    return make_dataclass(
        f"{part.cls.__name__}Options",
        [(name, _annotation(name, value), field(default=value)) for name, value in options.items()],
        bases=(base,),
        namespace={"session": session},
        frozen=True,
        kw_only=True,
    )


def _annotation(name: str, value: Any) -> Any:
    return Annotated[type(value), typer.Option(help=f"The protocol's {name.replace('_', ' ')}.")]
