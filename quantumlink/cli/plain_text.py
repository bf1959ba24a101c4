"""Output for terminals that cannot write every character: those that are missing are told in ASCII.

A Windows console of code page 1252, a pipe there, or ``PYTHONIOENCODING=ascii`` has no Φ⁺ and no ⟨ZZ⟩. Reports come
out all the same, as Phi+ and <ZZ>; what can be written is written as it is.
"""

from __future__ import annotations

import codecs
import sys
import unicodedata

_HANDLER = "quantumlink.plain"

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
    for stream in (sys.stdout, sys.stderr):
        reconfigure = getattr(stream, "reconfigure", None)
        if callable(reconfigure) and getattr(stream, "errors", None) in ("strict", "backslashreplace"):
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


def _in_ascii(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeEncodeError):
        raise error
    return plain(error.object[error.start : error.end]), error.end
