"""Links under an environment: every elementary link of a tree with the parameters of one hour."""

from __future__ import annotations

from dataclasses import replace
from math import log, pi, sqrt
from typing import Any

from quantumlink import validation
from quantumlink.hardware import Detector, Fiber, FreeSpace, SinglePhotonHeralding, background_rate_hz
from quantumlink.hardware.environment import Environment
from quantumlink.link.elementary import ElementaryLink
from quantumlink.link.joins import Join
from quantumlink.link.tree import Link, distinct_links

LEAST_LEFT = 1e-300
"""Coherence that drift leaves at least, so that a jitter as large is finite."""


def under(link: Link, environment: Environment, hour: float) -> Link:
    """The same link as it is at some hour: what `evaluate`, `simulate`, `compose` and sessions then read.

    Fibres and paths through the air change as the environment says, and so do the detectors of sources; the phase
    of single photons drifts; while recalibrating no pairs are made. A state that is stated stays as it is stated.

    Raises:
        TypeError: if an elementary link has another medium than `Fiber` or `FreeSpace`.
        ValueError: if a phase or a polarization drifts and is never recalibrated, or no light comes through.

    >>> from quantumlink.hardware import MidpointSource, Node
    >>> day = Environment([0, 24], temperature_c=[20, 44])
    >>> link = ElementaryLink(Node("a"), Node("b"), Fiber(50), source=MidpointSource(),
    ...                       detector=Detector(0.5, dark_count_rate_hz=1e4, window_s=1e-8))
    >>> [round(under(link, day, hour).fidelity, 4) for hour in (0, 12, 24)]
    [0.9991, 0.9975, 0.9931]
    """
    validation.instance("link", link, Link, "a link")
    validation.instance("environment", environment, Environment, "an Environment")
    made: dict[int, Link] = {}
    for part in distinct_links(link):
        if isinstance(part, Join):
            made[id(part)] = part.with_links([made[id(child)] for child in part.links])
        elif isinstance(part, ElementaryLink):
            made[id(part)] = _elementary(part, environment, hour)
        else:
            raise TypeError(f"an environment is for elementary links and what is joined of them, got {part!r}")
    return made[id(link)]


def _elementary(link: ElementaryLink, environment: Environment, hour: float) -> ElementaryLink:
    medium = environment.medium(link.medium, hour)
    if link.source is None:
        return _stated(link, medium, environment.duty)
    given = link.detector if isinstance(link.detector, tuple) else (link.detector or Detector(),)
    detectors = [_lit(environment.detector(one, hour), link.medium, environment, hour) for one in given]
    source = _drifting(link.source, link.medium, environment, hour)
    found = ElementaryLink(
        link.left,
        link.right,
        medium,
        source=source,
        detector=detectors if len(detectors) == 2 else detectors[0],
        multiplexing=link.multiplexing,
        classical_delay_s=link.classical_delay_s,
    )
    if environment.duty == 1:
        return found
    assert found.attempt_time_s is not None
    return ElementaryLink(
        link.left,
        link.right,
        medium,
        state=found.state,
        success_probability=found.success_probability,
        attempt_time_s=found.attempt_time_s / environment.duty,
        multiplexing=link.multiplexing,
        classical_delay_s=link.classical_delay_s,
        heralded_s=found.heralded_s,
    )


def _stated(link: ElementaryLink, medium: Any, duty: float) -> ElementaryLink:
    rate_hz, time_s = link.rate_hz, link.attempt_time_s
    if duty < 1 and time_s is None and rate_hz is None and (attempts := link.attempts) is not None:
        time_s = attempts.time_s
    return ElementaryLink(
        link.left,
        link.right,
        medium,
        bell_diagonal=link.bell_diagonal if link.is_bell_diagonal else None,
        state=None if link.is_bell_diagonal else link.state,
        rate_hz=None if rate_hz is None else rate_hz * duty,
        success_probability=link.success_probability,
        attempt_time_s=None if time_s is None else time_s / duty,
        multiplexing=link.multiplexing,
        classical_delay_s=link.classical_delay_s,
        heralded_s=link.heralded_s,
    )


def _lit(detector: Detector, medium: Any, environment: Environment, hour: float) -> Detector:
    """The detector with the light of the sky, where it looks at it."""
    if not isinstance(medium, FreeSpace) or not environment.field_of_view_rad:
        return detector
    photons = background_rate_hz(
        environment.at(hour).sky_radiance,
        wavelength_nm=medium.wavelength_nm,
        receiver_diameter_m=medium.receiver_diameter_m,
        receiver_obscuration_m=medium.receiver_obscuration_m,
        field_of_view_rad=environment.field_of_view_rad,
        filter_nm=environment.filter_nm,
        efficiency=detector.efficiency,
    )
    return detector.with_background(detector.background_rate_hz + photons)


def _drifting(source: Any, medium: Any, environment: Environment, hour: float) -> Any:
    if not isinstance(source, SinglePhotonHeralding) or not isinstance(medium, Fiber):
        return source
    left = environment.phase_coherence(medium.length_km, medium.group_index, hour)
    if left == 1:
        return source
    # The jitter that leaves as much of the coherence; a phase of π for what is below zero.
    jitter = sqrt(source.phase_jitter_rad**2 - 2 * log(max(abs(left), LEAST_LEFT)))
    return replace(source, phase_jitter_rad=jitter, phase_rad=source.phase_rad + (pi if left < 0 else 0.0))
