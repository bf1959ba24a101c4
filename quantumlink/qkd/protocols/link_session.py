"""What sessions over a link share: the program that runs, its corrections in a frame where a machine has noise."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from quantumlink import validation
from quantumlink.exact import UnsupportedOperation
from quantumlink.link import Link
from quantumlink.program import Program
from quantumlink.qkd.protocols.playing import Counts, Play
from quantumlink.qkd.protocols.session import Session
from quantumlink.readings import compose
from quantumlink.rewrites import noisy_circuit, ordered_bits


@dataclass(frozen=True, kw_only=True)
class LinkSession(Session):
    """A session over what a link delivers; see `Session` for what all sessions share."""

    link: Link | Program
    """The link, or a program composed from it."""

    def __post_init__(self) -> None:
        super().__post_init__()
        if not isinstance(self.link, Program):
            validation.instance("link", self.link, Link, "a link or a program")

    @abstractmethod
    def played(self, program: Program) -> Play:
        """The program with its ends measured."""

    @property
    def late_paulis_invert(self) -> bool:
        """Whether a Pauli that is left to the end inverts outcomes, and does no more."""
        return True

    @cached_property
    def program(self) -> Program:
        """What runs on a sampler, but for the measurement of its ends."""
        return ordered_bits(self.link) if isinstance(self.link, Program) else compose(self.link)

    @cached_property
    def _bare_program(self) -> Program:
        """What runs on a machine with noise of its own: the corrections in a frame, if they can be."""
        if isinstance(self.link, Program) or not self.late_paulis_invert:
            return self.program
        try:
            return compose(self.link, corrections="frame")
        except UnsupportedOperation:  # a twirl stands between a correction and the end
            return self.program

    @cached_property
    def _play(self) -> Play:
        return self.played(self.program)

    def plays(self) -> Sequence[Play]:
        """The program with its ends measured."""
        return [self._play]

    def bare_plays(self) -> list[Play]:
        """The plays without the noise of the session's own hardware."""
        return [self.played(self._bare_program).on_sampler(play_medium=self.play_medium)]

    def noisy(self, play: Play) -> Play:
        """The play under the noise of its own hardware, for Aer."""
        program = self.program
        circuit = noisy_circuit(play.circuit, program.nodes, earlier_nodes=program.earlier_nodes)
        return replace(play, circuit=circuit)

    @property
    def _played_rounds(self) -> Counts:
        """Of each setting the rounds in which the ends are measured."""
        return np.asarray(self._allotment.wanted[0][:, 0])

    @cached_property
    def bare_wanted(self) -> list[Counts]:
        """How often each setting and draw is played where only the sampler's own noise acts."""
        rng = np.random.default_rng([self.seed, 3])
        return [play.allot(self._played_rounds, rng) for play in self.bare_plays()]

    @property
    def own_wanted(self) -> Sequence[Counts]:
        """How often each setting and draw is played where the medium's noise is written into the circuit."""
        return [self._play.allot(self._played_rounds, np.random.default_rng([self.seed, 3]))]
