"""What post-selection cost, and how often it was misled by a herald that was misread."""

from __future__ import annotations

from dataclasses import dataclass

from quantumlink.estimation import Estimate
from quantumlink.tables import html_table


@dataclass(frozen=True, repr=False)
class PostSelection:
    """The account of a run's post-selection; what is inferred from the calibration is labelled so."""

    accepted: Estimate
    """The share of all runs that were accepted, as recorded."""
    acceptable: Estimate
    """Mitigated: the share that would have been accepted had every herald been read rightly."""
    wrongly_accepted: Estimate
    """Mitigated: of the accepted runs those in which a herald was misread and should have refused."""
    wrongly_refused: Estimate
    """Mitigated: of the runs that should have been accepted those that were refused."""
    runs: int
    """All runs."""

    def _rows(self) -> list[tuple[str, str]]:
        return [
            ("accepted, raw", str(self.accepted)),
            ("acceptable, mitigated", str(self.acceptable)),
            ("wrongly accepted, of the accepted, mitigated", str(self.wrongly_accepted)),
            ("wrongly refused, of the acceptable, mitigated", str(self.wrongly_refused)),
            ("runs", str(self.runs)),
        ]

    def _repr_html_(self) -> str:
        return html_table("post-selection", self._rows())

    def __str__(self) -> str:
        width = max(len(name) for name, _ in self._rows())
        return "\n".join(f"{name:<{width}}  {text}" for name, text in self._rows())

    def __repr__(self) -> str:
        return "<PostSelection: " + "; ".join(f"{name} {text}" for name, text in self._rows()) + ">"
