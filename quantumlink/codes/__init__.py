"""Error-correcting codes over pairs: codes as data, decoders, and what is left of n pairs that are corrected."""

from quantumlink.circuits import Code, code_names, known_code, repetition_code, surface_code
from quantumlink.codes.decoders import BpOsd, Decoder, Lookup, Matching, as_decoder, decoder_names
from quantumlink.codes.recovery import Recovery

__all__ = [
    "BpOsd",
    "Code",
    "Decoder",
    "Lookup",
    "Matching",
    "Recovery",
    "as_decoder",
    "code_names",
    "decoder_names",
    "known_code",
    "repetition_code",
    "surface_code",
]
