"""What a plan must keep to."""

from __future__ import annotations

from dataclasses import dataclass

from quantumlink import validation

MOST_PATHS = 1_000
"""Most paths of a demand: each is looked for by itself."""


@dataclass(frozen=True)
class Limits:
    """The conditions of a plan, checked: see `plan_network` for what each means."""

    max_link_km: float | None = None
    max_repeaters: int | None = None
    paths: int = 1
    paths_per_repeater: int | None = None
    wavelengths: int | None = None
    most_channels: int | None = None
    budget: float | None = None
    use: float = 1.0
    gap: float = 1e-6

    def __post_init__(self) -> None:
        validation.plain(self)
        if self.max_link_km is not None:
            validation.positive("max_link_km", self.max_link_km)
        if self.max_repeaters is not None:
            validation.count("max_repeaters", self.max_repeaters)
        validation.count("paths", self.paths, at_least=1, at_most=MOST_PATHS)
        for name in ("paths_per_repeater", "wavelengths", "most_channels"):
            if getattr(self, name) is not None:
                validation.count(name, getattr(self, name), at_least=1)
        if self.budget is not None:
            validation.number("budget", self.budget, at_least=0.0)
        validation.positive("use", self.use, at_most=1.0)
        validation.number("gap", self.gap, at_least=0.0, at_most=1.0)
