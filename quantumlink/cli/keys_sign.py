"""``quantumlink keys sign``: a drill of signatures from keys of QKD, all of it in one process."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from quantumlink import validation
from quantumlink.cli.foretelling import tell_duration
from quantumlink.cli.result import Result, Written, pairs_table
from quantumlink.cli.written_files import writable

if TYPE_CHECKING:
    from quantumlink.keys.signing import SigningTerms

NO_SECRET_KEY = 3
"""Exit code where a link gave no key that suffices."""


def sign(
    file: Annotated[Path, typer.Argument(help="What is signed.", show_default=False)],
    eps: Annotated[float, typer.Option(help="Of forgery and repudiation together.")] = 1e-10,
    km: Annotated[float, typer.Option("--km", help="Length of each of the three fibres.")] = 20.0,
    rounds: Annotated[int, typer.Option(help="Qubits sent over each of them.")] = 500_000,
    seed: Annotated[int | None, typer.Option(help="Repeats the run.", show_default=False)] = None,
    output: Annotated[
        Path | None, typer.Option(help="Where to write the signature: a new file.", show_default=False)
    ] = None,
) -> Result:
    """Sign a file by keys of three simulated links: a drill, its keys are not secret."""
    from quantumlink.hardware import Fiber
    from quantumlink.keys.signatures import SignatureScheme
    from quantumlink.keys.signing import prepare_signing
    from quantumlink.progress import track
    from quantumlink.qkd import BB84, KeyTaken, NoSecretKey

    if output is not None and (output.exists() or writable("--output", output) != output):
        raise FileExistsError(f"--output must be a new file; {str(output)!r} exists")
    try:
        message = file.read_bytes()
        validation.seed("--seed", seed)
        seeds: list[Any] = [None] * 3 if seed is None else [3 * seed + i for i in range(3)]
        sessions = [BB84(medium=Fiber(km), rounds=rounds, seed=each) for each in seeds]
        SignatureScheme.for_tolerance(eps, message_bytes=len(message))  # what is wrong is said before the work
        tell_duration(sessions[0], times=3)
        keys = [session.run() for session in track(sessions, "keys of three links")]
        ready = prepare_signing(*keys, eps=eps, message_bytes=len(message))
        signature = ready.signer.sign(message)
        verdicts = ready.first.accepts(message, signature), ready.second.accepts(message, signature)
        if output is not None:
            with output.open("xb") as target:
                target.write(signature)
    except (KeyTaken, NoSecretKey) as error:
        why = f"no signature: {error}"
        return Result(notes=(why,), data={"outcome": why}, seed=seed, exit_code=NO_SECRET_KEY)
    words = ["accepts" if verdict else "rejects" for verdict in verdicts]
    return Result(
        tables=(pairs_table("What may fail, and what was spent", ready.terms.lines(), words=True),),
        notes=(
            f"{file}: {len(message)} bytes signed; the first recipient {words[0]}, the second {words[1]}",
            "These keys are simulated: they are not secret.",
        ),
        data={
            "outcome": "signed",
            "file": file,
            "bytes": len(message),
            "accepted": verdicts,
            **_terms(ready.terms),
        },
        written=() if output is None else (Written("signature", output),),
        seed=seed,
    )


def _terms(terms: SigningTerms) -> dict[str, Any]:
    return {
        "one_time_keys": terms.scheme.keys,
        "reject_at": terms.scheme.reject_at,
        "signature_bytes": terms.scheme.signature_bytes,
        "spent_bytes": terms.spent_bytes,
        "forgery": terms.forgery,
        "repudiation": terms.repudiation,
        "key_epsilons": terms.key_epsilons,
        "exchange_forgery": terms.exchange_forgery,
        "epsilon": terms.epsilon,
    }
