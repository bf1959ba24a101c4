"""Output for terminals that cannot write every character: those that are missing are told in ASCII.

A Windows console of code page 1252, a pipe there, or ``PYTHONIOENCODING=ascii`` has no Φ⁺ and no ⟨ZZ⟩. Reports come
out all the same, as Phi+ and <ZZ>; what can be written is written as it is.
"""

from __future__ import annotations

import codecs
import os
import sys
import unicodedata

_HANDLER = "quantumlink.plain"
_LOUD = ("strict", "backslashreplace", "surrogateescape")
"""What Python does by itself with characters that an encoding lacks; the last one where there is no locale."""

_ASCII = {
    **{"⟨": "<", "⟩": ">", "−": "-", "–": "-", "—": "-", "…": "...", "∞": "inf", "≤": "<=", "≥": ">=", "≈": "~"},
    **{
        "√": "sqrt",
        "·": "*",
        "×": "x",
        "⊗": "(x)",
        "⊕": "^",
        "→": "->",
        "←": "<-",
        "↔": "<->",
        "•": "*",
        "±": "+-",
    },
    **{"µ": "u", "°": " deg", "’": "'", "‘": "'", "“": '"', "”": '"', "∑": "sum", "∈": "in", "≠": "!=", "█": "#"},
    **{"Φ": "Phi", "Ψ": "Psi", "φ": "phi", "ψ": "psi", "ε": "eps", "λ": "lambda", "η": "eta", "θ": "theta"},
    **{"ρ": "rho", "σ": "sigma", "μ": "u", "π": "pi", "Δ": "Delta", "δ": "delta", "τ": "tau", "α": "alpha"},
    **{"β": "beta", "γ": "gamma", "χ": "chi", "Σ": "Sum", "Π": "Prod", "Ω": "Ohm", "ω": "omega", "ν": "nu"},
}


def degrade_output() -> None:
    """Let standard output and error write what their encoding lacks in ASCII, instead of raising an error."""
    codecs.register_error(_HANDLER, _in_ascii)
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:  # closed by whoever called: nobody reads
            setattr(sys, name, open(os.devnull, "w", encoding="utf-8"))  # noqa: SIM115
    for stream in (sys.stdout, sys.stderr):
        reconfigure = getattr(stream, "reconfigure", None)
        if callable(reconfigure) and getattr(stream, "errors", None) in _LOUD:
            reconfigure(errors=_HANDLER)


def plain(text: str) -> str:
    """A text in ASCII.

    >>> plain("⟨ZZ⟩ and fidelity to Φ⁺, 10⁻³ é")
    '<ZZ> and fidelity to Phi+, 10-3 e'
    """
    return "".join(map(_plain_character, text))


def _plain_character(character: str) -> str:
    if character.isascii() or character in _ASCII:
        return _ASCII.get(character, character)
    parts = unicodedata.normalize("NFKD", character)
    told = "".join(_ASCII.get(part, part if part.isascii() else "") for part in parts)
    return told or ("#" if "─" <= character <= "▟" else "?")


def _in_ascii(error: UnicodeError) -> tuple[str | bytes, int]:
    if not isinstance(error, UnicodeEncodeError):
        raise error
    text = error.object[error.start : error.end]
    if all("\udc80" <= character <= "\udcff" for character in text):
        return bytes(ord(character) - 0xDC00 for character in text), error.end  # of a path: as they were
    return plain(text), error.end
