"""The account of a key, its tags, numerical proofs and recipes of decoys, worked out by hand and in whole numbers;
and each number and operator of theirs, changed, is noticed. See `test_mutants_of_bounds`.
"""

from dataclasses import replace
from decimal import Decimal, localcontext
from math import log, sqrt
from unittest.mock import patch

import numpy as np
import pytest
from oracles.decimals import close, h
from oracles.formula_mutations import survivors

from quantumlink.distillation import authentication, verification
from quantumlink.distillation.account import Account
from quantumlink.distillation.authentication import GF128, Authenticator, PolynomialHash, SharedSecret
from quantumlink.estimation import binomial_estimate
from quantumlink.security import numerical_proof, recipes, relative_entropy
from quantumlink.security.contract import Tally
from quantumlink.security.relative_entropy import KeyEntropy
from quantumlink.security.single_photon import SinglePhotonBound

SECRET = {"eps_sec": 1e-10, "eps_cor": 1e-12}


@pytest.fixture(autouse=True)
def digits():
    with localcontext() as context:
        context.prec = 40
        yield


def refused(words, call):
    """As `pytest.raises`, whose failure is no exception that a mutant would be noticed by."""
    try:
        call()
    except ValueError as error:
        assert words in str(error)
    else:
        raise AssertionError(words)


# --- the account


class Agreed:
    protocol, rounds, recipe, remarks = "p", 10**7, recipes.TwoBases(), ("said",)
    eps_sec, eps_cor = SECRET["eps_sec"], SECRET["eps_cor"]


def opened(sampled=5_000, errors=100, raw=95_000, test=(20_000, 400), **more):
    tally = Tally(rounds=10**7, detected=130_000, sampled=sampled, sample_errors=errors, compared={"X": test},
                  raw={"": raw})  # fmt: skip
    given = {"accepted": 130_000, "sifted": raw + sampled + test[0], "test": test, "authentication_bits": 512}
    return Account.opened(Agreed, tally, **given | more)


def check_account():
    account = opened()
    assert (account.raw, account.sampled, account.tested, account.sample_errors) == (95_000, 5_000, 20_000, 100)
    assert account.ledger == [
        ("sifted in the key basis", 100_000),
        ("disclosed to estimate the error rate", -5_000),
    ]
    assert account.expected_qber == 101 / 5_002
    assert account.block_sizes == (95_000,)
    rate = binomial_estimate(100, 5_000)
    assert account.least_leaks() == [int(95_000 * h(Decimal(rate.low)))]
    assert account.likely_leaks() == [int(Decimal("1.05") * 95_000 * h(Decimal(rate.best)))]
    assert (account.answers, account.count_replies, account.tells_errors) == (1, False, False)
    bound = SinglePhotonBound(tested=20_000, qber=0.02, **SECRET)
    assert account.evaluate([7]) == bound.terms(n=95_000, leak=7)
    assert account.most_leak == bound.terms(n=95_000, leak=0).length - 512
    assert account.refusal_before() is None
    assert account.terms == bound.terms(n=95_000, leak=0)
    assert account.reconciled([(14_000, 13_000)]) is None
    terms = bound.terms(n=95_000, leak=14_000)
    assert (account.terms, account.disclosed_bits) == (terms, 14_000)
    assert account.settle() == [terms.length - 512]
    told = dict(account.ledger)
    assert told["disclosed by reconciliation"] == -14_000
    assert told["known to an eavesdropper, at most (phase errors)"] == int(terms.entropy_bits) - 95_000
    assert told["spent on authentication"] == -512
    assert sum(told.values()) == terms.length - 512
    assert told["price of ε, verification tag included"] in (-107, -108)  # log₂(2/(ε_sec²·ε_cor)), and a fraction


def check_limits_of_accounts():
    """Where one bit more is one too many."""
    exact = opened()
    free = exact.evaluate([0]).length
    most = free - 512
    assert opened().reconciled([(most - 1, 0)]) is None
    assert opened().reconciled([(most, 0)]) is not None
    assert "bits would be secret" in opened().reconciled([(most + 1, 0)])
    assert "which leaves nothing" in opened().reconciled([(free + 200, 0)])
    assert "too few" in opened(raw=0, sampled=1, errors=0).refusal_before()
    assert "too few" in opened(sampled=0, errors=0).refusal_before()
    assert "must be below 0.5" in opened(errors=2_500).refusal_before()
    assert "no sifted bits in the test basis" in opened(test=(0, 0)).refusal_before()
    assert "would be secret" in opened(raw=900, sampled=2_000, errors=4, test=(2_000, 4)).refusal_before()
    for errors in (2_600, 5_000):  # more than half: Shannon's limit is all
        turned = opened(errors=errors, test=(20_000, 0))
        assert turned.likely_leaks() == [99_750]
    assert opened(errors=5_000).least_leaks() == [95_000]
    refused(
        "at most the 80 bits that were not disclosed, got 81",
        lambda: replace_bound(opened(raw=100), 81).evaluate([20]),
    )
    assert replace_bound(opened(raw=100), 80).evaluate([20]).length == 80
    refused(
        "eps_cor that the ends agreed on", lambda: replace_bound(opened(raw=100), 8, eps_cor=1e-9).evaluate([20])
    )


class Granting:
    """A bound that grants what it likes."""

    count_replies = True

    def __init__(self, length, **tolerances):
        self.length, (self.eps_sec, self.eps_cor) = length, (SECRET | tolerances).values()

    def terms(self, *, n, leak):
        return self


def replace_bound(account, length, **tolerances):
    account.__dict__["bound"] = Granting(length, **tolerances)
    return account


def check_replies():
    account = replace_bound(opened(raw=1_000), 600)
    assert account.answers == 2
    assert account.likely_leaks() == [int(Decimal("2.1") * 1_000 * h(Decimal(account.qber.best)))]
    assert account.reconciled([(300, 100)]) is None
    assert dict(account.ledger)["disclosed by Bob's replies"] == -100
    refused("at most the 599 bits", lambda: replace_bound(opened(raw=1_000), 600).reconciled([(300, 101)]))
    settled = replace_bound(opened(raw=1_000), 600)
    settled.__dict__["bound"].leak_limit = 250.9
    assert settled.most_leak == 250
    settled.__dict__["bound"].length = 513
    assert settled.most_leak == 250
    settled.__dict__["bound"].length = 512
    assert settled.most_leak == 0
    settled.__dict__["bound"].length, settled.__dict__["bound"].leak_limit = 600, 20
    assert settled.most_leak == 88  # 600 less 512


def check_blocks():
    account = opened(raw=1_000)
    account.blocks, account.terms = ("Z", "X"), Granting(900)
    account.tally = replace(account.tally, raw={"Z": 700, "X": 300})
    assert account.block_sizes == (700, 300)
    for lengths, expected in (((500, 400), [0, 388]), ((600, 300), [88, 300]), ((0, 900), [0, 388])):
        account.terms.lengths = lengths
        assert account.settle() == expected
    account.told({"Z": 3, "X": 4})
    assert account.tally.corrected == {"Z": 3, "X": 4}


def check_unequal_detection():
    """Ones are so rare in the sample that fewer errors in the test than found go with no qubit."""

    def told(ones, errors):
        account = opened(sampled=50_000, errors=0, test=(50_000, errors))
        account.sample_ones = ones
        return account._unequal_detection()

    assert told(None, 0) is told(25_000, 0) is told(24_900, 0) is None
    for ones in (20_000, 30_000):  # alike from either side
        assert "whether a photon is detected depends on its bit" in told(ones, 0)
    # Of shares of 0.4 and 0.6 that is ½ − √(0.4·0.6) = 0.0101; chance may have moved both.
    assert told(20_000, 505) is None
    assert told(20_000, 150) is not None
    price = 12 * log(10)
    share = next(p for p in np.arange(0.4, 0.5, 1e-5) if 5e4 * divergence(0.4, p) > price)
    least = 0.5 - sqrt(share * (1 - share))
    most = next(e for e in range(int(5e4 * least), 0, -1) if 5e4 * divergence(e / 5e4, least) > price)
    assert told(20_000, most - 2) is not None
    assert told(20_000, most + 3) is None


def divergence(a, b):
    return a * log(a / b) + (1 - a) * log((1 - a) / (1 - b))


# --- tags


def school_multiply(a, b):
    product = 0
    for i in range(128):
        product ^= (a << i) * (b >> i & 1)
    for i in reversed(range(128, 256)):
        product ^= (((1 << 128) | 0b10000111) << (i - 128)) * (product >> i & 1)
    return product


def school_hash(message, point):
    data = message + bytes(-len(message) % 16) + len(message).to_bytes(16, "little")
    total = 0
    for i in range(0, len(data), 16):
        total = school_multiply(total ^ int.from_bytes(data[i : i + 16], "little"), point)
    return total


POINT = 0x9D2F_51E3_77AA_0C4B_8E19_6F25_D0B3_427D
TEXTS = [bytes((7 * i * i + n) % 256 for i in range(n)) for n in (0, 1, 15, 16, 17, 255, 256, 257, 530, 1201)]


HASHES = [school_hash(text, POINT) for text in TEXTS]


def check_hashes():
    wide = authentication._WIDE
    for limit in (64, wide):  # strides as for messages of megabytes
        with patch.object(authentication, "_WIDE", limit):
            assert [PolynomialHash(POINT)(text) for text in TEXTS] == HASHES
            running, grown = PolynomialHash(POINT).running(), b""
            for text, step in ((TEXTS[-1][i : i + 200], i) for i in range(0, 1201, 200)):
                running.extend(text)
                grown += text
                if step in (400, 1200):
                    assert running.value() == school_hash(grown, POINT)
                    assert len(running) == len(grown)


def check_products():
    for a, b in ((POINT, POINT >> 3), (2**127, 2), (1, POINT), (2**127 + 1, 2**127 + 2**64 + 3)):
        assert GF128.multiply(a, b) == school_multiply(a, b)
        assert GF128.times(GF128.words(a.to_bytes(16, "little")), b).tobytes() == school_multiply(a, b).to_bytes(
            16, "little"
        )


def check_authenticator():
    bits = np.random.default_rng(1).integers(0, 2, 128 * 4, dtype=np.uint8)
    point, *masks = (sum(int(bit) << i for i, bit in enumerate(part)) for part in bits.reshape(4, 128))
    secret = SharedSecret(bits)
    made = Authenticator(secret, places=3)
    assert (made.spent_bits, secret.index) == (512, 512)
    for place, text in enumerate(TEXTS[3:6]):
        assert made.tag(text, place=place) == (masks[place] ^ school_hash(text, point)).to_bytes(16, "little")
    assert made.forgery_probability == (2 + 3 + 17) * 2.0**-128
    zeros = np.zeros(128, dtype=np.uint8)
    refused(
        "any message would do", lambda: Authenticator(SharedSecret(np.concatenate([zeros, bits[:128]])), places=1)
    )
    hidden = Authenticator(SharedSecret(np.concatenate([bits[:128], zeros])), places=1)
    assert int.from_bytes(hidden.tag(TEXTS[3], place=0), "little") == school_hash(TEXTS[3], point)
    assert [authentication.forgery_probability(n) * 2.0**128 for n in (0, 1, 16, 17)] == [1, 2, 2, 3]


def check_tags():
    length = verification.tag_length
    assert length(1e-10) == 34
    assert [length(eps, tags=n) for eps, n in ((1e-10, 1), (2.0**-20, 1), (2.0**-20, 4), (0.9, 1))] == [
        34, 20, 22, 1
    ]  # fmt: skip


# --- recipes


CLASSES = {f"X {name}": (100 * i, i) for i, name in enumerate(("signal", "decoy", "vacuum"), start=3)}
RAW = {"signal": 70, "decoy": 20, "vacuum": 4}


def check_recipes_of_decoys():
    tally = Tally(rounds=10**6, detected=10**5, sampled=9, sample_errors=2, compared=CLASSES, raw=RAW)
    pulses = (0.5, 0.1, 0.0), (0.7, 0.2, 0.1)
    made = recipes.Decoys(*pulses).bound(tally, **SECRET)
    assert (made.key_counts, made.test_counts, made.test_errors) == ((70, 20, 4), (300, 400, 500), (3, 4, 5))
    assert (made.intensities, made.probabilities, made.eps_sec, made.eps_cor) == (*pulses, 1e-10, 1e-12)
    two = replace(tally, raw={"signal": 70, "decoy": 20}, corrected={"signal": 7, "decoy": 1})
    pair = (0.5, 0.1), (0.7, 0.3)
    made = recipes.OneDecoy(*pair).bound(two, **SECRET)
    assert (made.key_counts, made.key_errors) == ((70, 20), (7, 1))
    assert (made.test_counts, made.test_errors, made.intensities, made.probabilities) == ((300, 400), (3, 4), *pair)
    assert recipes.OneDecoy(*pair).bound(replace(two, corrected=None), **SECRET).key_errors is None


def check_recipes_of_relays():
    names = ("strong", "weak", "vacuum")
    nine = {f"X {a} {b}": (1000 + 10 * i + j, 3 * i + j) for i, a in enumerate(names) for j, b in enumerate(names)}
    tally = Tally(rounds=10**6, detected=10**5, sampled=9, sample_errors=2, compared=nine, raw={"": 5_000})
    made = recipes.RelayDecoys(
        signals=(0.5, 0.4), intensities=(0.5, 0.1, 0.0), intensities_b=(0.4, 0.2, 0.0), z_probability=0.6,
        probabilities=(0.5, 0.3, 0.2),
    ).bound(tally, **SECRET)  # fmt: skip
    assert (made.key_count, made.sampled) == (5_009, 9)
    assert made.test_counts == ((1000, 1001, 1002), (1010, 1011, 1012), (1020, 1021, 1022))
    assert made.test_errors == ((0, 1, 2), (3, 4, 5), (6, 7, 8))
    alone = {f"X {name}": (100 * i, 0) for i, name in enumerate(names, start=1)} | {"X phase": (77, 5)}
    made = recipes.TwinFields(
        signal=0.5, sending=0.05, z_probability=0.6, intensities=(0.4, 0.1, 0.0), probabilities=(0.2, 0.5, 0.3),
        window=3,
    ).bound(replace(tally, compared=alone), **SECRET)  # fmt: skip
    assert (made.rounds, made.key_count, made.sampled) == (10**6, 5_009, 9)
    assert (made.single_counts, made.tested, made.errors) == ((100, 200, 300), 77, 5)


def check_other_recipes():
    bases = {"X": (200, 6), "Y": (150, 3)}
    tally = Tally(rounds=10**6, detected=10**5, sampled=90, sample_errors=2, compared=bases, raw={"": 50})
    made = recipes.ThreeBases().bound(tally, **SECRET)
    assert (made.tested, made.errors) == ({"X": 200, "Y": 150, "Z": 90}, {"X": 6, "Y": 3, "Z": 2})
    against = {
        "Z against Bob": (30, 4), "X against Bob": (900, 0),
        "Z against Charlie": (40, 5), "X against Charlie": (800, 0),
    }  # fmt: skip
    made = recipes.Sharing().bound(replace(tally, compared=against), **SECRET)
    assert (made.tested, made.errors, made.population) == ((30, 40), (4, 5), (900, 800))


# --- numerical proofs


def check_certificate():
    """Two levels by hand: ∇ − y·Γ has the eigenvalues that stand in its diagonal."""
    observables, values = np.stack([np.eye(2), np.diag([1.0, -1.0])]).astype(complex), np.array([1.0, 0.25])
    gradient, within = np.diag([3.0, 1.0]).astype(complex), np.array([0.0, 0.1])

    def proven(offset, *multipliers):
        return numerical_proof._certified(gradient, offset, np.array(multipliers), observables, values, within)

    close(proven(0.3, 1.0, 1.5), (0.3 + 1.0 + 0.375 - 0.15) / log(2))  # 0.5 and 1.5: nothing is lacking
    close(proven(0.3, 2.0, 1.5), (0.3 + 2.0 + 0.375 - 0.15 - 0.5) / log(2))  # −0.5 and 0.5
    close(proven(3.0, 1.0, -1.5), (3.0 + 1.0 - 0.375 - 0.15 - 1.5) / log(2))  # 3.5 and −1.5
    assert proven(-9.0, 1.0, 1.5) == 0


PROJECTORS = [np.diag([1.0, 1.0, 0.0, 0.0]).astype(complex), np.diag([0.0, 0.0, 1.0, 1.0]).astype(complex)]


def some_state(seed):
    rng = np.random.default_rng(seed)
    root = rng.normal(size=(4, 4)) + 1j * rng.normal(size=(4, 4))
    rho = root @ root.conj().T
    return rho / np.trace(rho).real


def nats(matrix):
    p = np.linalg.eigvalsh(matrix)
    return -float(p @ np.log(p))


def check_entropy():
    entropy = KeyEntropy([np.eye(4, dtype=complex)], PROJECTORS)
    for seed in (1, 2):
        rho, towards = some_state(seed), some_state(seed + 10)
        found = sum(z @ rho @ z for z in PROJECTORS)
        close(entropy.value(rho), nats(found) - nats(rho), rel=1e-9)
        step = 1e-5
        ahead, behind = (entropy.value(rho + s * step * towards) for s in (1, -1))
        slope = relative_entropy.inner(entropy.gradient(rho), towards)
        assert slope == pytest.approx((ahead - behind) / (2 * step), rel=1e-6)
        assert relative_entropy.inner(rho, towards) == pytest.approx(np.trace(rho @ towards).real)


def check_proven_rate():
    """BB84 at 5 % with the state, the point and the multipliers put in: the rate is what the certificate proves."""
    signs = np.array([[1, 1], [1, -1]]) / sqrt(2)

    def differ(basis):
        a, b = (np.outer(v, v).astype(complex) for v in basis)
        return np.kron(a, b) + np.kron(b, a)

    q, scale = 0.05, 40.0
    bell = [np.array([1, 0, 0, 1]), np.array([1, 0, 0, -1]), np.array([0, 1, 1, 0]), np.array([0, 1, -1, 0])]
    weights = ((1 - q) ** 2, (1 - q) * q, (1 - q) * q, q**2)
    rho = sum(w * np.outer(v, v) / 2 for w, v in zip(weights, bell, strict=True)).astype(complex)
    # D = ln 2 − h(e_X) in nats: at q its slope is ln(q/(1 − q)), and its tangent begins at ln 2 + ln(1 − q).
    told = np.array([log(2) + log(1 - q), log(q / (1 - q))])

    def asked(gradient, observables, values, *, within):
        assert within.tolist() == [0.0, 2e-8]
        assert observables[1] == pytest.approx(differ(signs))
        assert values.tolist() == pytest.approx([1.0, q])
        return told

    with (
        patch.object(numerical_proof, "feasible_state", lambda *_, **__: (rho, 2e-8)),
        patch.object(numerical_proof, "_nearly_best", lambda *_: rho),
        patch.object(numerical_proof, "least_expectation", asked),
    ):
        found = numerical_proof.numerical_key_rate(
            kraus=[np.eye(4)], key_map=PROJECTORS, statistics=[(scale * differ(signs), scale * q)],
            leak=0.25,
        )  # fmt: skip
    truth = 1 - float(h(Decimal("0.05")))
    # What the tolerance takes is y·δ; the white noise of the point and rounding take less than 1e-8 more.
    assert found.entropy == pytest.approx(truth - 2e-8 * log((1 - q) / q) / log(2), abs=1e-8)
    assert found.entropy <= truth
    close(found.entropy_at_most, truth)
    close(found.rate, found.entropy - 0.25)
    assert (found.tolerance, found.leak) == (2e-8, 0.25)
    assert found.multipliers == pytest.approx([told[0], told[1] / scale])
    # Of every state the entropy is above the tangent.
    for seed in range(5):
        other = some_state(seed)
        value = nats(sum(z @ other @ z for z in PROJECTORS)) - nats(other)
        assert value >= found.offset + np.trace(found.tangent @ other).real - 1e-9
    close(found.offset + np.trace(found.tangent @ rho).real, truth * log(2), rel=1e-7)


ACCOUNT, TAGS = "quantumlink.distillation.account:Account.", "quantumlink.distillation.authentication:"
PROOF, ENTROPY = "quantumlink.security.numerical_proof:", "quantumlink.security.relative_entropy:"
RECIPES, FIELD = "quantumlink.security.recipes:", "quantumlink.distillation.binary_field:"
BOOKS = [check_account, check_limits_of_accounts, check_replies, check_blocks]
CHECKS = {
    **{
        ACCOUNT + name: BOOKS
        for name in (
            "opened", "__post_init__", "raw", "expected_qber", "block_sizes", "most_leak", "evaluate", "settle",
            "refusal_before", "least_leaks", "likely_leaks", "answers", "reconciled", "spent_bits",
        )
    },
    ACCOUNT + "_unequal_detection": [check_unequal_detection],
    TAGS + "PolynomialHash.evaluated": [check_hashes],
    TAGS + "PolynomialHash._power": [check_hashes],
    TAGS + "RunningHash.value": [check_hashes],
    TAGS + "RunningHash.extend": [check_hashes],
    TAGS + "_filled": [check_hashes],
    TAGS + "Authenticator.__init__": [check_authenticator],
    TAGS + "Authenticator._masked": [check_authenticator],
    TAGS + "forgery_probability": [check_authenticator],
    FIELD + "BinaryField.times_x": [check_products],
    FIELD + "BinaryField.multiply": [check_products],
    FIELD + "_product": [check_products],
    FIELD + "_product_of_64": [check_products],
    FIELD + "_reduced": [check_products],
    FIELD + "_folded": [check_products],
    "quantumlink.distillation.verification:tag_length": [check_tags],
    RECIPES + "Decoys.bound": [check_recipes_of_decoys],
    RECIPES + "OneDecoy.bound": [check_recipes_of_decoys],
    RECIPES + "RelayDecoys.bound": [check_recipes_of_relays],
    RECIPES + "TwinFields.bound": [check_recipes_of_relays],
    RECIPES + "ThreeBases.bound": [check_other_recipes],
    RECIPES + "Sharing.bound": [check_other_recipes],
    PROOF + "_certified": [check_certificate],
    PROOF + "numerical_key_rate": [check_proven_rate],
    ENTROPY + "KeyEntropy.value": [check_entropy],
    ENTROPY + "KeyEntropy.gradient": [check_entropy],
}  # fmt: skip
HARMLESS: dict[str, str] = {
    "Account.most_leak, line 6, column 83: 0 is 1": "one is left at least",
    **dict.fromkeys(
        (
            "PolynomialHash.evaluated, line 5, column 50: Sub is Add",
            "PolynomialHash.evaluated, line 5, column 47: 1 is 2",
            "PolynomialHash.evaluated, line 5, column 71: 1 is 2",
            "PolynomialHash.evaluated, line 5, column 29: 1 is 2",
            "RunningHash.value, line 10, column 12: Mult is Div",
        ),
        "another stride, the same sum",
    ),
    "_product, line 4, column 69: 4 is 5": "only four are used",
    "_product, line 4, column 69: 4 is 8": "only four are used",
}
"""Mutants that are the same function, or differ where nothing is told, and why."""


@pytest.mark.parametrize(
    "check", sorted({c for checks in CHECKS.values() for c in checks}, key=lambda c: c.__name__)
)
def test_accounts_tags_recipes_and_proofs_are_what_they_say(check):
    check()


@pytest.mark.parametrize("target", CHECKS)
def test_every_changed_number_and_operator_is_noticed(target):
    unexplained = [name for name in survivors(target, CHECKS[target]) if name not in HARMLESS]
    assert not unexplained, unexplained
