"""A link with somebody who measures some of its pairs and sends on what was found, in a random one of two bases."""

from __future__ import annotations

from quantumlink import readings, validation
from quantumlink.link import ElementaryLink, Link


def intercepted(link: Link, fraction: float) -> ElementaryLink:
    """The link from end to end with intercept and resend on a fraction of its pairs.

    A measurement in Z (or X) with the outcome forgotten is a Z (or X) flip with probability one half. Each half of
    the measured pairs so gets Z or X with ½, and the error rate of either basis rises from e to e + (1 − 2e) f/4.

    Args:
        link: the link, whose state is taken as Bell-diagonal.
        fraction: f, which pairs are measured, in [0, 1].

    >>> from quantumlink import ElementaryLink, Node
    >>> found = intercepted(ElementaryLink(Node("a"), Node("b")), 1.0)
    >>> [round(population, 6) for population in found.bell_diagonal]
    [0.5, 0.25, 0.25, 0.0]
    """
    f = validation.probability("fraction", fraction)
    phi_plus, phi_minus, psi_plus, psi_minus = readings.evaluate(link).bell_diagonal
    keep, flip = 1 - f / 2, f / 4
    populations = (
        keep * phi_plus + flip * (phi_minus + psi_plus),
        keep * phi_minus + flip * (phi_plus + psi_minus),
        keep * psi_plus + flip * (psi_minus + phi_plus),
        keep * psi_minus + flip * (psi_plus + phi_minus),
    )
    return ElementaryLink(link.left, link.right, bell_diagonal=populations)
