"""Key files of a device: one file a block, named by its number, taken in and removed in order."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from quantumlink import validation
from quantumlink.distillation.key import FOR_STUDY
from quantumlink.keys.material import Block, Provenance, Secret
from quantumlink.keys.store.contract import BlockRefused


@dataclass(frozen=True)
class DeviceFiles:
    """A directory that a QKD device writes to, such as ``00000017.key``: raw bytes, any size.

    A device must write under another name and rename: what is named ``*.key`` is complete.
    """

    directory: Path
    link: str
    protocol: str
    proof: str = ""
    epsilon: float | None = None

    def __post_init__(self) -> None:
        if self.epsilon is not None:
            validation.probabilities(self, "epsilon")

    def blocks(self) -> Iterator[tuple[Path, Block]]:
        """What is there, in the order of the numbers.

        Raises:
            BlockRefused: if a file says of itself that its key is for study, as those of ``--key-file`` do.
        """
        numbered = [
            (int(match[1]), path)
            for path in self.directory.glob("*.key")
            if (match := re.fullmatch(r"([0-9]{1,18})\.key", path.name))
        ]
        for number, path in sorted(numbered):
            secret = Secret(path.read_bytes())
            if FOR_STUDY.encode("ascii") in secret.reveal().partition(b"\n")[0]:
                raise BlockRefused(f"{str(path)!r} must be of a QKD device, but says of itself: {FOR_STUDY}")
            if not len(secret):
                continue
            account = Provenance(
                link=self.link, protocol=self.protocol, origin="device", proof=self.proof, epsilon=self.epsilon,
                block=number, made_at_s=path.stat().st_mtime,
            )  # fmt: skip
            yield path, Block(f"device {self.link}".replace("/", "_"), number, secret, account)

    def hand_to(self, ingest: Callable[[Block], object]) -> int:
        """Hand each block over, and remove its file once that has returned; returns how many.

        What ``ingest`` raises ends it: the file stays, and comes again.
        """
        taken = 0
        for path, block in self.blocks():
            ingest(block)
            path.unlink()
            taken += 1
        return taken
