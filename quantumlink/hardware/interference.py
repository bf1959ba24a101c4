"""Two coherent pulses that meet at a balanced beam splitter with a detector behind each output.

With means a and b as they arrive and the phase φ between them the outputs get (a + b)/2 ± v·√(a·b)·cos φ photons,
Poisson distributed and each on its own; v is the contrast of the interference.

References:
    M. Lucamarini, Z. L. Yuan, J. F. Dynes, A. J. Shields, Nature 557, 400 (2018): twin fields.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from quantumlink.arrays import FloatArray


def lit_alone(
    mean_a: npt.ArrayLike, mean_b: npt.ArrayLike, cosine: npt.ArrayLike, *, contrast: float, noise: float
) -> tuple[FloatArray, FloatArray]:
    """The probabilities that the first detector alone clicks, and the second alone.

    Args:
        mean_a: mean photon number of one pulse as it arrives, the efficiency of the detectors included.
        mean_b: of the other; arrays are broadcast.
        cosine: of the phase between them. At 1 the first output is bright.
        contrast: v in [0, 1]; 1 − 2e if a share e of the light leaves by the wrong output.
        noise: probability of a dark count in one of the detectors.

    >>> [round(float(p), 6) for p in lit_alone(0.1, 0.1, 1.0, contrast=1.0, noise=0.0)]  # 1 − exp(−0.2)
    [0.181269, 0.0]
    """
    a, b = np.asarray(mean_a, dtype=np.float64), np.asarray(mean_b, dtype=np.float64)
    half, beat = (a + b) / 2, contrast * np.sqrt(a * b) * np.asarray(cosine)
    dark_first, dark_second = ((1 - noise) * np.exp(-(half + sign * beat)) for sign in (1, -1))
    # not 1 − dark, which loses the digits of faint light
    first, second = (noise - (1 - noise) * np.expm1(-(half + sign * beat)) for sign in (1, -1))
    return np.asarray(first * dark_second), np.asarray(second * dark_first)
