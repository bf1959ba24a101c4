"""Parameters of a circuit that are drawn anew in every run: twirls, played channels."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from math import prod
from typing import Any

import numpy as np
import numpy.typing as npt
from qiskit.circuit import Parameter, ParameterVectorElement, QuantumCircuit

from quantumlink_circuits.purifications import TWIRL_ANGLES

SUM_TOLERANCE = 1e-9
"""How far the sum of probabilities may be from 1 (rounding)."""


@dataclass(frozen=True)
class RandomSetting:
    """Parameters of the circuit that are drawn anew in every run: a twirl, or a channel that is played.

    Raises:
        TypeError: if something is of the wrong kind.
        ValueError: if rows do not fit the parameters, or probabilities the rows.
    """

    parameters: tuple[Parameter, ...]
    """The circuit's parameters that one draw sets."""
    rows: tuple[tuple[float, ...], ...]
    """What to draw from, one value a parameter."""
    probabilities: tuple[float, ...] | None = None
    """The probability of each row, or None if all are equally likely."""

    def __post_init__(self) -> None:
        parameters = tuple(self.parameters)
        if not parameters or not all(isinstance(parameter, Parameter) for parameter in parameters):
            raise TypeError(f"parameters of a random setting must be Qiskit parameters, got {self.parameters!r}")
        rule = f"rows must hold at least one row of {len(parameters)} finite numbers, one for each parameter"
        rows = _numbers(rule, self.rows)
        if rows.ndim != 2 or not len(rows) or rows.shape[1] != len(parameters) or not np.isfinite(rows).all():
            raise ValueError(f"{rule}; got {self.rows!r}")
        object.__setattr__(self, "parameters", parameters)
        object.__setattr__(self, "rows", tuple(map(tuple, rows.tolist())))
        if self.probabilities is None:
            return
        rule = f"probabilities must be {len(rows)} numbers in [0, 1] that sum to 1, one for each row"
        weights = _numbers(rule, self.probabilities)
        if weights.shape != (len(rows),) or not ((weights >= 0) & (weights <= 1)).all():
            raise ValueError(f"{rule}; got {self.probabilities!r}")
        if abs(weights.sum() - 1) > SUM_TOLERANCE:
            raise ValueError(f"{rule}; got {self.probabilities!r} with sum {float(weights.sum())!r}")
        object.__setattr__(self, "probabilities", tuple(weights.tolist()))

    @property
    def weights(self) -> tuple[float, ...]:
        """The probability of each row."""
        return self.probabilities or (1 / len(self.rows),) * len(self.rows)


def _numbers(rule: str, value: Any) -> npt.NDArray[np.float64]:
    try:
        found = np.asarray(value)
    except ValueError:  # rows of several lengths
        raise ValueError(f"{rule}; got {value!r}") from None
    if found.dtype.kind not in "iuf":
        raise TypeError(f"{rule}; got {value!r}")
    return found.astype(np.float64)


def choices_of(settings: Sequence[RandomSetting]) -> Iterator[tuple[float, dict[Parameter, float]]]:
    """Everything that some settings can draw together: the probability, and the parameters' values.

    >>> from qiskit.circuit import Parameter
    >>> angle = Parameter("angle")
    >>> [(weight, values[angle]) for weight, values in choices_of([RandomSetting((angle,), ((0.0,), (1.0,)))])]
    [(0.5, 0.0), (0.5, 1.0)]
    """
    for drawn in product(*(zip(setting.rows, setting.weights, strict=True) for setting in settings)):
        values: dict[Parameter, float] = {}
        for setting, (row, _) in zip(settings, drawn, strict=True):
            values.update(zip(setting.parameters, row, strict=True))
        yield prod(weight for _, weight in drawn), values


def random_settings_of(
    circuit: QuantumCircuit, metadata: Mapping[str, Any], stated: Sequence[RandomSetting] | None
) -> tuple[RandomSetting, ...]:
    """The settings drawn in every run: as stated, else the metadata's twirls; no parameter may be left."""
    found: list[RandomSetting] = []
    if stated is None:
        for name in metadata.get("twirls", ()):
            elements = [p for p in circuit.parameters if isinstance(p, ParameterVectorElement)]
            vector = sorted((p for p in elements if p.vector.name == name), key=lambda p: p.index)
            if vector:
                found.append(RandomSetting(tuple(vector), TWIRL_ANGLES))
    else:
        for setting in stated:
            if not isinstance(setting, RandomSetting):
                raise TypeError(f"random_settings must list RandomSettings, got {setting!r}")
            found.append(setting)
    drawn = {parameter for setting in found for parameter in setting.parameters}
    missing = [p.name for p in circuit.parameters if p not in drawn]
    if missing:
        raise ValueError(
            f"the circuit {circuit.name!r} has parameters that nothing sets: {', '.join(missing)}; assign them, or "
            f"give random_settings"
        )
    return tuple(found)
