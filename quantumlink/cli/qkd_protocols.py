"""The protocols of ``quantumlink qkd`` by name: their options, and what they are."""

from __future__ import annotations

from collections.abc import Mapping

from quantumlink.cli.qkd_options import CommonOptions
from quantumlink.cli.qkd_pairs import BellTestOptions, PairTwoBasesOptions, SixStatePairOptions
from quantumlink.cli.qkd_relays import (
    ConferenceOptions,
    PulsedRelayOptions,
    RelayOptions,
    SharingOptions,
    TwinFieldOptions,
)
from quantumlink.cli.qkd_senders import (
    B92Options,
    BasesOptions,
    DecoyOptions,
    OneDecoyOptions,
    SARG04Options,
    TwoBasesOptions,
    WeakPulseOptions,
)

PROTOCOLS: Mapping[str, tuple[type[CommonOptions], str]] = {
    "bb84": (TwoBasesOptions, "BB84 with single photons over a fibre."),
    "six-state": (BasesOptions, "The six-state protocol with single photons over a fibre."),
    "b92": (B92Options, "B92 with single photons over a fibre."),
    "sarg04": (SARG04Options, "SARG04 with single photons over a fibre."),
    "decoy-bb84": (DecoyOptions, "BB84 with weak coherent pulses of three intensities."),
    "one-decoy-bb84": (OneDecoyOptions, "BB84 with weak coherent pulses of two intensities."),
    "weak-pulse-bb84": (
        WeakPulseOptions,
        "BB84 with weak coherent pulses and no decoys: splitting photons breaks it.",
    ),
    "bbm92": (
        PairTwoBasesOptions,
        "BBM92 over entangled pairs: a fibre with its source in the middle, or a route.",
    ),
    "six-state-pairs": (SixStatePairOptions, "The six-state protocol over entangled pairs."),
    "e91": (BellTestOptions, "E91 over entangled pairs: a key whose secrecy follows from a Bell test."),
    "mdi": (RelayOptions, "BB84 through an untrusted relay in the middle of a fibre."),
    "decoy-mdi": (
        PulsedRelayOptions,
        "BB84 with weak coherent pulses through an untrusted relay in the middle of a fibre.",
    ),
    "twin-field": (
        TwinFieldOptions,
        "Twin fields, sending or not, through an untrusted relay: the longest way without a repeater.",
    ),
    "conference": (ConferenceOptions, "One key for several parties, by GHZ states."),
    "secret-sharing": (SharingOptions, "A dealer's key that two players know together only, by GHZ states."),
}
"""The protocols by name: their options, and what they are."""
