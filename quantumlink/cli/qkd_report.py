"""The report of a key distribution, as data for JSON and as text: every term, no secret.

The text is made from the data alone, so the two never disagree.
"""

from __future__ import annotations

import platform
from collections.abc import Sequence
from dataclasses import fields
from datetime import UTC, datetime
from importlib.metadata import version
from math import isfinite
from textwrap import wrap
from typing import Any

import numpy as np

import quantumlink
from quantumlink.estimation import Estimate
from quantumlink.link import ElementaryLink, Link
from quantumlink.qkd import Key
from quantumlink.qkd.eavesdropping import Eavesdropper
from quantumlink.qkd.protocols import E91, Session
from quantumlink.qkd.protocols.prepare_and_measure import PrepareAndMeasure, granted_bits
from quantumlink.rates import binary_entropy
from quantumlink.readings import highest_rate_hz
from quantumlink.security.proof import Proof

FORMAT = 2
"""Number of the layout of the data; it grows when a field changes its meaning."""

WIDTH = 100

Data = dict[str, Any]


_COMMON = (
    "This is a simulation: the key is for study, and whoever has its seed can compute it.",
    "The settings and bits of the ends are random, and nothing leaves their laboratories but what they say.",
)


def report_of(session: Session, key: Key, *, chosen: Sequence[str] = ()) -> Data:
    """Everything that is to be said in public of a run, as plain data for JSON.

    Nothing in it remakes the key: not the seed, and no session that holds it.

    Args:
        session: what was run.
        key: what it ended with.
        chosen: names of its settings that were not given, but searched for the longest key to expect.
    """
    proof = session.proof
    return {
        "report": "quantumlink qkd",
        "format": FORMAT,
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
        "protocol": key.protocol,
        "outcome": "secret key" if key else "no secret key",
        "reason": key.reason,
        "secret_bits": len(key),
        "copies_agree": _copies_agree(key),
        "origin": list(key.marks),
        "rounds": {
            "attempted": key.rounds,
            "accepted": key.accepted,
            "sifted": key.sifted,
            "compared in the test basis": key.tested,
            "compared in the key basis": key.sampled,
        },
        "pairs": _pairs(session),
        "error_rates": {
            "key basis": _rate(key.qber, key.sampled),
            "test basis": _rate(key.test_qber, key.tested),
        },
        "bell_test": _estimate(session.chsh(session.sift())) if isinstance(session, E91) else None,
        "reconciliation": _reconciliation(session, key),
        "verification_tag_bits": key.tag_bits,
        "authentication_bits": key.authentication_bits,
        "security": {
            "eps_sec": session.eps_sec,
            "eps_cor": session.eps_cor,
            "epsilon": key.epsilon,
            "proof": proof.reference,
            "attacks": proof.attacks,
            "terms": _terms(key),
        },
        "ledger": [[label, bits] for label, bits in key.ledger],
        "eavesdropper": _eavesdropper(session, key),
        "assumptions": [*_COMMON, _of_the_rounds(proof), *proof.assumptions, _of_the_channel(key)],
        # What the session remarks about Eve stands under "eavesdropper" already.
        "remarks": [remark for remark in key.remarks if not remark.startswith("Eavesdropper ")],
        "settings": _settings(session),
        "chosen": [_spelled(name) for name in chosen],
        "session": {name: value for name, value in session.to_dict().items() if name != "seed"},
        "versions": {
            "quantumlink": quantumlink.__version__,
            "python": platform.python_version(),
            **{name: version(name) for name in ("qiskit", "numpy", "scipy")},
        },
    }


def _settings(session: Session) -> dict[str, str]:
    """What was set, in words; the rest has its own place in the report."""
    elsewhere = ("rounds", "seed", "reconciliation", "eps_sec", "eps_cor", "play_medium", "eavesdropper")
    found = {f.name: getattr(session, f.name) for f in fields(session) if f.name not in elsewhere}
    link = found.get("link")
    if isinstance(link, ElementaryLink):
        found |= {name: getattr(link, name) for name in ("medium", "source", "detector")}
    return {_spelled(name): _in_words(value) for name, value in found.items()}


def _spelled(name: str) -> str:
    return name.replace("_", " ")


def _in_words(value: Any) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)


def _pairs(session: Session) -> Data | None:
    """How often a link must be tried for a round, where that is known."""
    link = getattr(session, "link", None)
    if not isinstance(link, Link):
        return None
    probability, rate = getattr(link, "success_probability", None), highest_rate_hz(link)
    if getattr(session, "clicks", None) is not None and probability:  # every attempt is a round
        rate = None if rate is None else rate / probability
        probability = 1.0
    return {
        "attempts_per_round": None if probability is None else 1 / probability,
        "rounds_per_second_at_most": rate,
    }


def _copies_agree(key: Key) -> bool | None:
    return bool(np.array_equal(key.secret_bits, key.peer_bits)) if key else None


def _estimate(value: Estimate) -> Data:
    return {"best": value.best, "low": value.low, "high": value.high, "confidence": value.confidence}


def _rate(value: float, bits: int) -> Data | None:
    """None where nothing was measured."""
    if not bits:
        return None
    return _estimate(value) if isinstance(value, Estimate) else {"best": float(value)}


def _reconciliation(session: Session, key: Key) -> Data:
    n = key.sifted - key.tested - key.sampled
    efficiency = None
    if key.disclosed_bits is not None and key.corrected_errors:
        efficiency = key.disclosed_bits / (n * binary_entropy(key.corrected_errors / n))
    return {
        "method": repr(session.reconciliation),
        "corrected_errors": key.corrected_errors,
        "disclosed_bits": key.disclosed_bits,
        "efficiency": efficiency,
    }


def _terms(key: Key) -> Data | None:
    """The bound term by term: its numbers by name, and all of it in words."""
    if key.terms is None:
        return None
    # KeyTerms is a protocol, so mypy sees no dataclass in it; every bound of the library has one.
    numbers = {field.name: _finite(getattr(key.terms, field.name)) for field in fields(key.terms)}  # type: ignore[arg-type]
    numbers.pop("details", None)
    return {**numbers, "length": key.terms.length, "lines": [list(line) for line in key.terms_lines()]}


def _finite(value: Any) -> Any:
    """JSON has no infinity."""
    return value if not isinstance(value, float) or isfinite(value) else str(value)


def _eavesdropper(session: Session, key: Key) -> Data | None:
    eve: Eavesdropper | None = getattr(session, "eavesdropper", None)
    if eve is None or not isinstance(session, PrepareAndMeasure):
        return None
    knows = eve.information(session)
    return {
        "policy": repr(eve),
        "share_of_sifted_rounds_attacked": knows.attacked,
        "holevo_bits": knows.holevo,
        "mutual_bits": knows.mutual,
        "guess_probability": knows.guess,
        "granted_bits": granted_bits(key),
        "outside_model": eve.outside_model,
    }


# --- as text


def text_of(report: Data, width: int = WIDTH) -> str:
    """The report to be read, printed and filed, in lines of that width at most."""
    given = report["outcome"] == "secret key"
    verdict = f"SECRET KEY of {report['secret_bits']} bits" if given else "NO SECRET KEY"
    parts = [
        f"Report of a key distribution by {report['protocol']}: {verdict}",
        *([] if given else _lines([("reason", report["reason"])], width)),
        *_lines(
            [
                ("made", f"{report['created']} by quantumlink {report['versions']['quantumlink']}"),
                ("origin", f"{', '.join(report['origin'])}: for study, not for use"),
                *report["settings"].items(),
                *_chosen_rows(report["chosen"]),
            ],
            width,
        ),
        *_section("Rounds", _round_rows(report), width),
        *_section("Distillation", _distillation_rows(report), width),
        *_section("Security", _security_rows(report), width),
        *_section("Ledger of the key bits", [(label, f"{bits:+d}") for label, bits in report["ledger"]], width),
        *_section("Eavesdropper", _eavesdropper_rows(report["eavesdropper"]), width),
        *_list("Assumptions", report["assumptions"], width),
        *_list("Remarks", report["remarks"], width),
        *_list("Versions", [", ".join(f"{name} {number}" for name, number in report["versions"].items())], width),
    ]
    return "\n".join(parts)


def _chosen_rows(chosen: Sequence[str]) -> list[tuple[str, str]]:
    return [("chosen", f"{', '.join(chosen)}: for the longest key to expect on this link")] if chosen else []


def _round_rows(report: Data) -> list[tuple[str, str]]:
    rates, pairs, bell_test = report["error_rates"], report["pairs"] or {}, report["bell_test"]
    attempts, rate = pairs.get("attempts_per_round"), pairs.get("rounds_per_second_at_most")
    return [
        *((name, str(number)) for name, number in report["rounds"].items()),
        *([] if attempts is None else [("attempts for a round", f"{attempts:.4g} on average")]),
        *([] if rate is None else [("rounds a second, at most", f"{rate:.4g}")]),
        *((f"error rate, {basis}", _with_interval(rate)) for basis, rate in rates.items()),
        *([] if bell_test is None else [("Bell test, CHSH value S", _with_interval(bell_test))]),
    ]


def _with_interval(rate: Data | None) -> str:
    if rate is None:
        return "not measured"
    if "low" not in rate:
        return f"{rate['best']:.4f}"
    share = f"{100 * rate['confidence']:g} % confidence"
    return f"{rate['best']:.4f} [{rate['low']:.4f}, {rate['high']:.4f}] ({share})"


def _of_the_rounds(proof: Proof) -> str:
    """Where rounds are alike by assumption, and where only because they are simulated."""
    simulated = "This simulation draws its rounds independently of one another and all alike"
    if "collective" in proof.attacks:
        return f"{simulated}; the proof assumes the same of an attacker, who treats every round alike."
    return f"{simulated}; the proof does not assume it, and covers an attacker who treats all together."


def _of_the_channel(key: Key) -> str:
    """What is to be known of what the ends say in public."""
    if not key.authentication_bits:
        return "The classical channel is authenticated; the key bits that this spends are not deducted."
    return (
        f"What the ends say in public is authenticated; this spends {key.authentication_bits} bits of a secret "
        "that they shared before, which are deducted."
    )


def _distillation_rows(report: Data) -> list[tuple[str, str]]:
    found, tag = report["reconciliation"], report["verification_tag_bits"]
    rows = [("reconciliation", found["method"])]
    if found["corrected_errors"] is not None:
        rows.append(("errors corrected", str(found["corrected_errors"])))
    if found["disclosed_bits"] is not None:
        rows.append(("bits disclosed for that", str(found["disclosed_bits"])))
    if found["efficiency"] is not None:
        rows.append(("over Shannon's limit", f"f = {found['efficiency']:.3f}"))
    if tag is not None:
        rows.append(("verification", f"a tag of {tag} bits"))
    if report["authentication_bits"]:
        rows.append(("authentication", f"{report['authentication_bits']} bits of shared secret, deducted"))
    if report["copies_agree"] is not None:
        rows.append(("copies of the key", "equal" if report["copies_agree"] else "DIFFERENT: do not use this key"))
    return rows


def _security_rows(report: Data) -> list[tuple[str, str]]:
    found = report["security"]
    terms = found["terms"]
    return [
        ("proven against", found["attacks"]),
        ("by", found["proof"]),
        ("secrecy ε_sec", f"{found['eps_sec']:g}"),
        ("correctness ε_cor", f"{found['eps_cor']:g}"),
        ("all that may fail, ε", f"{found['epsilon']:.3g}, forgery included"),
        *((label, text) for label, text in ([] if terms is None else terms["lines"])),
        ("bits that the bound grants", "not reached" if terms is None else str(terms["length"])),
        ("secret key", f"{report['secret_bits']} bits"),
    ]


def _eavesdropper_rows(eve: Data | None) -> list[tuple[str, str]]:
    if eve is None:
        return []
    granted = eve["granted_bits"]
    return [
        ("simulated attack", eve["policy"]),
        ("sifted rounds attacked", f"{eve['share_of_sifted_rounds_attacked']:.4f}"),
        ("she knows of a sifted bit", f"at most {eve['holevo_bits']:.4f} bit (Holevo)"),
        (
            "by guessing at once",
            f"{eve['mutual_bits']:.4f} bit, right with probability {eve['guess_probability']:.4f}",
        ),
        ("the bound granted her", "not reached" if granted is None else f"{granted:.4f} bit"),
        *([] if eve["outside_model"] is None else [("outside of what the bound covers", eve["outside_model"])]),
    ]


def _section(title: str, rows: Sequence[tuple[str, str]], width: int) -> list[str]:
    return ["", title, *_lines(rows, width)] if rows else []


def _lines(rows: Sequence[tuple[str, str]], limit: int) -> list[str]:
    """Labels and values in two columns; long values go on below themselves."""
    width = max(len(label) for label, _ in rows)
    lines = []
    for label, value in rows:
        first, *rest = wrap(value, limit - width - 4) or [""]
        lines += [f"  {label:<{width}}  {first}", *(f"  {'':<{width}}  {line}" for line in rest)]
    return lines


def _list(title: str, items: Sequence[str], width: int) -> list[str]:
    if not items:
        return []
    found = (wrap(item, width, initial_indent="  - ", subsequent_indent="    ") for item in items)
    return ["", title, *(line for lines in found for line in lines)]
