"""Measured, predicted, ideal: side by side, with intervals."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from html import escape
from operator import attrgetter, methodcaller
from typing import TYPE_CHECKING, Any

from quantumlink.estimation import Estimate
from quantumlink.execution.preparation import Prediction
from quantumlink.execution.samples import Samples

if TYPE_CHECKING:
    from rich.table import Table

_FIDELITY_BASES = {"XX", "YY", "ZZ"}
_HEADS = ("", "ideal", "predicted", "measured", "agree")


@dataclass(frozen=True)
class Line:
    """One figure: measured beside predicted beside ideal."""

    name: str
    ideal: Estimate | None
    """None if it was too large to be followed."""
    predicted: Estimate
    measured: Estimate

    @property
    def agree(self) -> bool:
        """Whether the intervals of the measured and the predicted figure meet."""
        return self.measured.low <= self.predicted.high and self.predicted.low <= self.measured.high

    def cells(self) -> tuple[str, str, str, str, str]:
        """As text."""
        ideal = "" if self.ideal is None else _text(self.ideal)
        return self.name, ideal, _text(self.predicted), _text(self.measured), "yes" if self.agree else "no"


@dataclass(frozen=True, repr=False)
class Comparison:
    """A measurement beside its prediction, basis by basis.

    The intervals are those of `Samples`; that an interval misses its prediction now and then is what an interval of
    95 % is, and that many do says that the device is not what its calibration said.
    """

    measured: Samples
    prediction: Prediction

    def lines(self) -> tuple[Line, ...]:
        """The figures: fidelity if XX, YY and ZZ were measured, each basis, the acceptance.

        Raises:
            ValueError: if a basis that was measured is not predicted.
        """
        bases = list(self.measured.outcomes)
        missing = [basis for basis in bases if basis not in self.prediction.predicted.outcomes]
        if missing:
            raise ValueError(f"{', '.join(missing)} was measured and is not predicted: predict the same bases")
        found = []
        if set(bases) >= _FIDELITY_BASES:
            found.append(self._line("fidelity to Φ⁺", methodcaller("fidelity")))
        found += [self._line(f"⟨{basis}⟩", methodcaller("expectation", basis)) for basis in bases]
        return (*found, self._line("acceptance", attrgetter("acceptance")))

    def table(self) -> Table:
        """For a terminal."""
        from rich.table import Table

        table = Table(title=" – ".join(self.measured.ends))
        for head in _HEADS:
            table.add_column(head, justify="left" if not head else "right")
        for line in self.lines():
            table.add_row(*line.cells())
        return table

    def _line(self, name: str, read: Callable[[Any], Estimate]) -> Line:
        ideal = None if self.prediction.ideal is None else read(self.prediction.ideal)
        return Line(name, ideal, read(self.prediction.predicted), read(self.measured))

    def _repr_html_(self) -> str:
        head = "".join(f"<th>{name}</th>" for name in _HEADS)
        body = "".join(
            "<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in line.cells()) + "</tr>" for line in self.lines()
        )
        title = escape(" – ".join(self.measured.ends))
        return f"<table><caption>{title}</caption><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"

    def __str__(self) -> str:
        rows = [_HEADS, *(line.cells() for line in self.lines())]
        widths = [max(len(row[i]) for row in rows) for i in range(len(_HEADS))]
        return "\n".join("  ".join(c.ljust(w) for c, w in zip(row, widths, strict=True)).rstrip() for row in rows)

    def __repr__(self) -> str:
        lines = self.lines()
        return f"<Comparison {'–'.join(self.measured.ends)}: {sum(i.agree for i in lines)} of {len(lines)} agree>"


def _text(estimate: Estimate) -> str:
    return f"{estimate.best:.4f}" if estimate.low == estimate.high else str(estimate)
