"""``quantumlink qkd timetags A B``: from two files of clicks to a key, or to the reason for none."""

from __future__ import annotations

from pathlib import Path
from textwrap import wrap
from typing import Annotated, Any

import typer

from quantumlink import validation
from quantumlink.cli.result import Result, Written
from quantumlink.cli.written_files import new_secret_file, write_secret

_NO_KEY = 3


def timetags(
    alice: Annotated[Path, typer.Argument(help="Alice's clicks: .csv, .npz, .npy or PicoQuant's .ptu (T2).")],
    bob: Annotated[Path, typer.Argument(help="Bob's clicks.")],
    alice_channels: Annotated[
        str, typer.Option(help="Alice's channels of bit 0 and 1 in Z, then in X; others in the file are left out.")
    ] = "1,2,3,4",
    bob_channels: Annotated[
        str, typer.Option(help="Bob's; the other way round where pairs are anticorrelated.")
    ] = ("1,2,3,4"),
    window_s: Annotated[float, typer.Option(help="Full width of the coincidence window.")] = 1e-9,
    max_offset_s: Annotated[float, typer.Option(help="How far the two clocks may be off.")] = 1.0,
    max_drift: Annotated[float, typer.Option(help="How much faster one clock may run.")] = 1e-6,
    false_alarm: Annotated[
        float, typer.Option(help="Probability to take unrelated files for related ones.")
    ] = 1e-9,
    z_probability: Annotated[float, typer.Option(help="Share of the photons that both ends measure in Z.")] = 0.5,
    key_bases: Annotated[str, typer.Option(help="Bases that make the key: Z or both.")] = "both",
    eps_sec: Annotated[float, typer.Option(help="Secrecy of the key.")] = 1e-10,
    eps_cor: Annotated[float, typer.Option(help="Correctness of the key.")] = 1e-10,
    key_file: Annotated[Path | None, typer.Option(help="New file for the secret bits.", show_default=False)] = None,
) -> Result:
    """Find the coincidences in two files of time tags, and distill a key from them (BBM92).

    Both files in one place are for study: a key for use is made by two ends, each with its own file.
    """
    secret = None if key_file is None else new_secret_file("--key-file", key_file)
    channels = [_channels("--alice-channels", alice_channels), _channels("--bob-channels", bob_channels)]
    for name, value in (("--z-probability", z_probability), ("--eps-sec", eps_sec), ("--eps-cor", eps_cor)):
        validation.tolerance(name, value)
    validation.tolerance("--false-alarm", false_alarm)
    validation.positive("--window-s", window_s, at_most=1e-3)
    validation.positive("--max-offset-s", max_offset_s, at_most=1000.0)
    validation.number("--max-drift", max_drift, at_least=0.0, at_most=1e-4)
    validation.choice("--key-bases", key_bases, ("Z", "both"))
    search = {
        "window_s": window_s,
        "max_offset_s": max_offset_s,
        "max_drift": max_drift,
        "false_alarm": false_alarm,
    }
    terms = {"z_probability": z_probability, "key_bases": key_bases, "eps_sec": eps_sec, "eps_cor": eps_cor}
    found, key = _distilled((alice, bob), channels, search, terms)
    report = _report(found, key)
    written: tuple[Written, ...] = ()
    if secret is not None and key:
        write_secret(secret, f"# {key.origin}\n" + "".join(map(str, key.secret_bits.tolist())) + "\n")
        written = (Written("secret bits", secret),)
    return Result(
        text=lambda width: _told(report, width), data=report, written=written, exit_code=0 if key else _NO_KEY
    )


def _channels(name: str, text: str) -> tuple[int, int, int, int]:
    try:
        a, b, c, d = (int(word) for word in text.split(","))
    except ValueError:
        raise ValueError(f"{name} must be four channels such as 1,2,3,4 (Z0, Z1, X0, X1), got {text!r}") from None
    if len({a, b, c, d}) < 4 or not all(0 <= channel <= 255 for channel in (a, b, c, d)):
        raise ValueError(f"{name} must be four different channels in [0, 255], got {text!r}")
    return a, b, c, d


def _distilled(
    paths: tuple[Path, Path],
    channels: list[tuple[int, int, int, int]],
    search: dict[str, float],
    terms: dict[str, Any],
) -> tuple[Any, Any]:
    """The coincidences, and the key made of them."""
    from quantumlink.qkd import distill
    from quantumlink.qkd.timetags import Receiver, find_coincidences, read_tags

    receivers = [Receiver(z=(a, b), x=(c, d)) for a, b, c, d in channels]
    clicks = []
    for option, path, receiver in zip(("--alice-channels", "--bob-channels"), paths, receivers, strict=True):
        tags = read_tags(path)
        missing = sorted(set(receiver.channels) - set(tags.counts()))
        if missing:
            raise ValueError(
                f"{option}: {path} has no clicks of channel {', '.join(map(str, missing))}; "
                f"clicks by channel: {tags.counts()}"
            )
        clicks.append(tags.only(receiver.channels))
    found = find_coincidences(clicks[0], clicks[1], receivers=(receivers[0], receivers[1]), **search)
    return found, distill(*found.records(), agreement=found.agreement(**terms))


def _report(found: Any, key: Any) -> dict[str, Any]:
    alignment = found.alignment
    return {
        "report": "quantumlink qkd timetags",
        "outcome": "secret key" if key else "no secret key",
        "reason": key.reason,
        "detections": {"alice": len(found.alice), "bob": len(found.bob)},
        "of several detectors at once": {"alice": found.alice.multiple, "bob": found.bob.multiple},
        "clock": {
            "offset_s": alignment.offset_s,
            "drift": alignment.drift,
            "false_alarm": alignment.false_alarm,
            "pieces": len(alignment.locked),
            "locked_share": alignment.locked_share,
        },
        "common_s": found.common_s,
        "coincidences": len(found),
        "coincidences_per_s": found.rate_hz,
        "accidentals_expected": found.accidentals,
        "window_s": found.window_s,
        "sifted": key.sifted,
        "error_rate": [float(value) for value in key.qber] if key.sampled else None,
        "secret_bits": len(key),
        "secret_bits_per_s": len(key) / found.common_s,
        "epsilon": key.epsilon,
        "origin": list(key.marks),
    }


def _told(report: dict[str, Any], width: int) -> str:
    clock, clicks, many = report["clock"], report["detections"], report["of several detectors at once"]
    rows = [
        ("detections", f"{clicks['alice']} at Alice's end, {clicks['bob']} at Bob's"),
        ("of several detectors at once", f"{many['alice']} and {many['bob']}"),
        ("Bob's clock", f"{clock['offset_s']:+.12f} s, drift {clock['drift']:+.3g}"),
        ("false alarm at most", f"{clock['false_alarm']:.2g}"),
        ("followed", f"in {clock['locked_share']:.1%} of {clock['pieces']} pieces"),
        ("coincidences", f"{report['coincidences']}, {report['coincidences_per_s']:.5g} a second"),
        ("of them accidental", f"{report['accidentals_expected']:.4g} expected"),
        ("sifted", str(report["sifted"])),
    ]
    if report["error_rate"]:
        low, best, high = report["error_rate"]
        rows.append(("error rate", f"{best:.4f} ({low:.4f} to {high:.4f})"))
    rows.append(("secret bits", f"{report['secret_bits']}, {report['secret_bits_per_s']:.5g} a second"))
    if report["reason"]:
        rows.append(("reason", report["reason"]))
    if report["origin"]:
        rows.append(("origin", ", ".join(report["origin"])))
    lines = ["BBM92 from time tags: " + ("SECRET KEY" if report["secret_bits"] else "NO SECRET KEY")]
    for label, text in rows:
        first, *rest = wrap(text, width - 32) or [""]
        lines += [f"  {label:<28}  {first}", *(f"{'':<32}{line}" for line in rest)]
    return "\n".join(lines)
