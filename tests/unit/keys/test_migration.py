"""What falls to a quantum computer: names, published figures, Mosca's inequality by enumeration, the order."""

import json
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from quantumlink.cli import app
from quantumlink.keys.migration import Inventory, InventoryError, algorithm, assess, estimates_of

EXAMPLE = Path(__file__).parents[3] / "notebooks" / "inventory.toml"


@pytest.mark.parametrize(
    ("name", "use", "verdict", "today", "then"),
    [
        ("RSA-2048", "exchange", "falls to Shor", 112, 0),
        ("rsa 3072 signature", "signature", "falls to Shor", 128, 0),
        ("RSA-PSS-2048", "signature", "falls to Shor", 112, 0),
        ("RSA-1024", "exchange", "broken today", 80, 0),
        ("DHE-2048", "exchange", "falls to Shor", 112, 0),
        ("DSA-3072", "signature", "falls to Shor", 128, 0),
        ("ECDHE P-256", "exchange", "falls to Shor", 128, 0),
        ("ecdsa secp384r1", "signature", "falls to Shor", 192, 0),
        ("ECDSA P-521", "signature", "falls to Shor", 256, 0),
        ("X25519", "exchange", "falls to Shor", 128, 0),
        ("Ed448", "signature", "falls to Shor", 224, 0),
        ("AES-128-GCM", "cipher", "weakened by Grover", 128, 64),
        ("AES256", "cipher", "stands", 256, 128),
        ("ChaCha20-Poly1305", "cipher", "stands", 256, 128),
        ("3DES", "cipher", "weakened by Grover", 112, 84),
        ("SHA-256", "hash", "stands", 128, 128),
        ("HMAC-SHA-256", "hash", "stands", 256, 256),
        ("SHA-1", "hash", "broken today", 61, 61),
        ("MD5", "hash", "broken today", 18, 18),
        ("ML-KEM-768", "exchange", "stands", 192, 192),
        ("ML_DSA_65", "signature", "stands", 192, 192),
        ("SLH-DSA-SHA2-128s", "signature", "stands", 128, 128),
        ("X25519MLKEM768", "exchange", "stands", 192, 192),
        ("X25519 + ML-KEM-768", "exchange", "stands", 192, 192),
        ("RSA-2048 + X25519", "exchange", "falls to Shor", 128, 0),
        ("RSA-1024 + X25519", "exchange", "falls to Shor", 128, 0),
    ],
)
def test_names(name, use, verdict, today, then):
    found = algorithm(name)
    assert (found.use, found.verdict, found.classical_bits, found.quantum_bits) == (use, verdict, today, then)
    assert (found.replacement == "none needed") == (verdict == "stands")


@pytest.mark.parametrize(
    "name", ["RSB-2048", "AES-129", "ECDH P-255", "ML-KEM-700", "", "SHA-255", "X25519 + AES-256", "RSA", "P-256"]
)
def test_what_is_not_recognized_does_not_pass_for_safe(name):
    with pytest.raises(ValueError):  # noqa: PT011
        algorithm(name)


def test_resources_against_the_published_tables():
    """Roetteler et al., table 2 (qubits, and Toffoli gates of the simulated circuits)."""
    for curve, qubits, gates in (("P-256", 2330, 1.26e11), ("P-384", 3484, 4.52e11), ("P-521", 4719, 1.14e12)):
        found = estimates_of(algorithm(f"ECDSA {curve}"))[0]
        assert found.logical_qubits == qubits
        assert found.toffoli_gates == pytest.approx(gates, rel=0.05)
    rsa = estimates_of(algorithm("RSA-2048"))[
        0
    ]  # Gidney and Ekerå, table 1: 2.7 billion Toffoli gates and look-ups
    assert rsa.logical_qubits == pytest.approx(3 * 2048, rel=0.01)
    assert rsa.toffoli_gates == pytest.approx(2.7e9, rel=0.05)
    assert [estimates_of(algorithm(f"AES-{n}"))[0].logical_qubits for n in (128, 192, 256)] == [2953, 4449, 6681]
    assert all(
        each.source for name in ("RSA-2048", "X25519", "AES-128", "3DES") for each in estimates_of(algorithm(name))
    )
    assert estimates_of(algorithm("ML-KEM-768")) == ()


def inventory(x, y, machine, **members):
    system = {"name": "s", "algorithms": ["X25519"], "secret_years": x, "migration_years": y} | members
    return Inventory.from_members(
        {"assumptions": {"today": 2000, "machine": [machine, machine]}, "systems": [system]}
    )


def test_mosca_by_enumeration(rng):
    """Message by message: sent in each tenth of a year before the change, secret for x years, read from z on."""
    for _ in range(300):
        x, y, z = (int(rng.integers(0, 120)) for _ in range(3))  # tenths of years
        read = [sent for sent in range(y + 1) if sent + x > z]
        expected = "exposed already" if 0 in read else "too late by plan" if read else "to be migrated"
        (found,) = assess(inventory(x / 10, y / 10, 2000 + z / 10)).findings
        assert found.urgency == expected
        assert found.excess_years == pytest.approx((x + y - z) / 10, abs=1e-9)
        assert found.start_by == pytest.approx(2000 + (z - x - y) / 10, abs=1e-9)


def test_equal_years_compare_equal_whatever_their_last_bit():
    for tenths in range(120):
        (found,) = assess(inventory(tenths / 10, 0, 2000 + tenths / 10)).findings
        assert (found.urgency, found.excess_years) == ("to be migrated", 0)


def test_signatures_and_what_stays_at_home_are_not_harvested():
    def urgency(**members):
        return assess(inventory(50, 1, 2010, **members)).findings[0].urgency

    assert urgency() == "exposed already"
    assert urgency(travels=False) == "to be migrated"
    assert urgency(algorithms=["ECDSA P-256"]) == "to be migrated"
    assert urgency(algorithms=["ECDSA P-256"], trusted_years=20) == "exposed already"
    assert urgency(algorithms=["ECDSA P-256"], trusted_years=9.5) == "too late by plan"
    assert urgency(algorithms=["ML-KEM-768 + X25519", "AES-128"]) == "weakened"
    assert urgency(algorithms=["ML-KEM-768", "X25519"]) == "exposed already"  # apart: the weakest is taken


def test_order_of_the_example():
    found = assess(Inventory.read(EXAMPLE))
    assert [each.system.name for each in found.findings] == [
        "old terminals", "patient records between hospitals", "firmware of encryptors", "payments between branches",
        "web shop", "archive on our own disks", "ministry line, hybrid",
    ]  # fmt: skip
    assert "forged" in found.findings[2].reason
    assert found.findings[1].excess_years == 30 + 3 - 9


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ("", "systems"),
        ("[[systems]]\nname = 'a'\n", "algorithms"),
        ("[[systems]]\nname = 'a'\nalgorithms = ['RSB-1']\n", "RSB-1"),
        ("[[systems]]\nname = 'a'\nalgorithms = ['AES-256']\nsecret_year = 1\n", "secret_year"),
        ("[[systems]]\nname = 'a'\nalgorithms = ['AES-256']\nsecret_years = -1\n", "secret_years"),
        ("[[systems]]\nname = 'a'\nalgorithms = ['AES-256']\ntravels = 1\n", "travels"),
        ("[assumptions]\nmachine = [2040, 2030]\n[[systems]]\nname = 'a'\nalgorithms = ['AES-256']\n", "machine"),
        ("[assumptions]\nmachine = 2040\n[[systems]]\nname = 'a'\nalgorithms = ['AES-256']\n", "machine"),
        ("[assumptions]\nyear = 2040\n", "year"),
        ("x = [", "Invalid"),
    ],
)
def test_mistakes_in_an_inventory_are_named(tmp_path, content, says):
    path = tmp_path / "i.toml"
    path.write_text(content)
    with pytest.raises(InventoryError, match=says) as told:
        Inventory.read(path)
    assert "i.toml" in str(told.value)


def test_from_the_shell(tmp_path):
    shown = CliRunner().invoke(app, ["keys", "assess", str(EXAMPLE)], env={"COLUMNS": "200"})
    assert shown.exit_code == 0, shown.output
    assert shown.output.index("patient records") < shown.output.index("web shop")
    told = CliRunner().invoke(app, ["keys", "assess", str(EXAMPLE), "--json"])
    findings = json.loads(told.output)["findings"]
    assert findings[0]["urgency"] == "broken today"
    assert np.isclose(
        findings[1]["algorithms"][0]["estimates"][0]["toffoli_gates"], 448 * 256**3 * 8 + 4090 * 256**3
    )
    wrong = CliRunner().invoke(app, ["keys", "assess", str(tmp_path / "none.toml")])
    assert (wrong.exit_code, "none.toml" in wrong.stderr) == (1, True)
