"""PUBs at the door of a sampler: what is wrong with one is said before anything runs."""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Sequence

import numpy as np
from qiskit.primitives.containers import SamplerPubLike
from qiskit.primitives.containers.sampler_pub import SamplerPub

from quantumlink import validation


def coerced_pubs(pubs: Iterable[SamplerPubLike], shots: int) -> list[SamplerPub]:
    """PUBs with their shots.

    Args:
        pubs: circuits, or tuples (circuit, parameter values, shots) as for any SamplerV2.
        shots: the shots of PUBs that name none, at least 1.

    Raises:
        ValueError: naming the PUB, if its shots are not at least 1 or its parameter values do not fit its circuit,
            or are not finite.
        TypeError: if it is no PUB, or its shots are no whole number.
    """
    shots = validation.count("shots", shots, at_least=1)
    result = []
    for i, pub in enumerate(pubs):
        if isinstance(pub, tuple) and len(pub) == 3 and pub[2] is not None:
            validation.count(f"shots of pub {i}", pub[2], at_least=1)
        try:
            coerced = SamplerPub.coerce(pub, shots)
        except (TypeError, ValueError) as error:
            raise type(error)(f"pub {i} is no circuit with fitting parameter values: {error}") from error
        for names, values in coerced.parameter_values.data.items():
            if not np.isfinite(values).all():
                wrong = values[~np.isfinite(values)].flat[0]
                raise ValueError(f"parameter values of pub {i} must be finite, got {wrong} for one of {names}")
        result.append(coerced)
    return result


def warn_of_empty_results(pubs: Sequence[SamplerPub]) -> None:
    """A warning, from where a sampler's ``run`` was called, if a circuit has no classical register."""
    if any(not pub.circuit.cregs for pub in pubs):
        warnings.warn(
            "a circuit without classical registers has an empty result: measure into one", UserWarning, stacklevel=3
        )
