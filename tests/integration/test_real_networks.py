"""Networks that were built, as files: they load, route, and have the losses that are published.

``python tests/integration/test_real_networks.py`` writes their page, ``notebooks/guide/real_networks.md``, anew.
"""

from dataclasses import dataclass
from math import log10
from pathlib import Path

import pytest

from quantumlink.hardware import Detector
from quantumlink.network import Network, forecast
from quantumlink.rates import bb84_rate
from quantumlink.security.channel_rates import decoy_bb84_channel_rate

ROOT = Path(__file__).parents[2] / "notebooks"
PAGE = ROOT / "guide" / "real_networks.md"

OPENING = """# Networks that were built

Six networks that exist or existed, in `notebooks/networks/`, each with its published lengths and losses, their
source, and what is assumed where nothing is published. Most figures come from a compilation of the papers, not
from the papers themselves: each file says so.

```python
from quantumlink import Network

vienna = Network.load("notebooks/networks/secoqc.toml")
vienna.key_route("st-poelten", "forum")  # over which trusted sites, and how many secret bits a second
vienna.resilience(1)  # what hangs on a single site
```

| file | sites | links | fibre, km | loss of a link, dB | one key route | secret bits/s |
|---|---|---|---|---|---|---|
"""

RATES = """
In `secoqc`, `cambridge` and `tokyo` a link makes keys at the rate that is published, and a route is as fast as
its slowest link. In the other three no rates by link are published: there the sources are assumed, and the rate
is what follows.

## What the loss would allow

For links with decoy-state BB84 whose loss and rate are published, `ours` is the asymptotic rate of that protocol
over that loss, at the clock of the device, with assumed detectors. It is a ceiling: no light is lost within the
receiver, no rounds to unlike bases, dead times, outages or finite blocks. The last column says how far below it
the field was.

| link | year | loss, dB | clock, MHz | detectors | published, bit/s | ours | ours ÷ published |
|---|---|---|---|---|---|---|---|
"""

CLOSING = """
Clocks are from memory; detectors are assumed: efficiency, noise a pulse, errors of alignment. In Cambridge the
shortest link is not the fastest: the published means count outages, and loss alone would make it so. Between the
devices of one make in Vienna (2008) and Tokyo (2010) the rate rose a hundredfold at twice the loss in dB, as the
clock did.

The satellite of `beijing_shanghai` gives {downlink:.1f} kbit/s to Nanshan with the device of 2017, where 47.8
kbit/s over a typical pass are published for that of 2021, whose clock was faster and whose protocol was better:
neither is in the file.
"""

NETWORKS = {  # file: sites, links, ends of a route, its nodes, secret bits a second
    "secoqc": (6, 8, ("st-poelten", "forum"), 4, 600),
    "cambridge": (3, 3, ("cape", "trel"), 2, 2.58e6),
    "cambridge_bt": (5, 4, ("cambridge", "adastral-park"), 5, None),
    "tokyo": (6, 6, ("koganei-3", "hongo"), 4, 410),
    "madrid": (9, 9, ("quiron", "distrito"), 5, None),
    "beijing_shanghai": (36, 35, ("nanshan", "shanghai"), 36, None),
}


@dataclass(frozen=True)
class Field:
    """A link with decoys: where it is, its published loss and rate, and a device."""

    network: str
    ends: tuple[str, str]
    year: int
    loss_db: float
    published_hz: float
    clock_hz: float
    efficiency: float
    noise: float
    wrong: float

    def ours_hz(self):
        """The asymptotic rate over the loss in the file."""
        detector = Detector(self.efficiency, dark_count_rate_hz=self.noise / 1e-9, misalignment=self.wrong)
        medium = link_of(load(self.network), *self.ends).medium
        return self.clock_hz * float(decoy_bb84_channel_rate(medium.transmittance, detector))


FIELDS = (
    Field("secoqc", ("siemens", "breitenfurt"), 2008, 7.5, 3100, 7e6, 0.1, 2e-5, 0.02),
    Field("tokyo", ("koganei-1", "otemachi-1"), 2010, 14.5, 81_700, 1.25e9, 0.1, 1e-6, 0.025),
    Field("tokyo", ("koganei-2", "otemachi-2"), 2010, 14.5, 304_000, 1e9, 0.2, 1e-5, 0.02),
    Field("tokyo", ("otemachi-1", "otemachi-2"), 2010, 13, 2000, 1e8, 0.1, 2e-5, 0.04),
    Field("cambridge", ("engi", "cape"), 2019, 2.5, 2.22e6, 1e9, 0.2, 1e-5, 0.02),
    Field("cambridge", ("cape", "trel"), 2019, 3.9, 2.58e6, 1e9, 0.2, 1e-5, 0.02),
    Field("cambridge", ("trel", "engi"), 2019, 4.2, 2.40e6, 1e9, 0.2, 1e-5, 0.02),
)


def load(name):
    return Network.load(ROOT / "networks" / f"{name}.toml")


def link_of(network, a, b):
    (found,) = (link for link in network.links if {link.left.name, link.right.name} == {a, b})
    return found


def page():
    lines = [OPENING]
    for name, (sites, links, ends, *_) in NETWORKS.items():
        network = load(name)
        fibres = [link.medium for link in network.links if hasattr(link.medium, "length_km")]
        losses = sorted(fibre.loss_db for fibre in fibres)
        route = network.key_route(*ends)
        way = " – ".join(route.nodes) if len(route.nodes) < 7 else f"{ends[0]} – … – {ends[1]}"
        lines.append(
            f"| `{name}` | {sites} | {links} | {sum(f.length_km for f in fibres):.0f} | "
            f"{losses[0]:.3g} to {losses[-1]:.3g} | {way} | {float(f'{route.secret_key_rate_hz:.3g}'):,.0f} |\n"
        )
    lines.append(RATES)
    for field in FIELDS:
        ours = field.ours_hz()
        lines.append(
            f"| {field.network}: {' – '.join(field.ends)} | {field.year} | {field.loss_db:g} | "
            f"{field.clock_hz / 1e6:g} | {field.efficiency:.0%}, {field.noise:.0e}, {field.wrong:.1%} | "
            f"{field.published_hz:,.0f} | {ours:,.0f} | {ours / field.published_hz:.1f} |\n"
        )
    downlink = link_of(load("beijing_shanghai"), "micius", "nanshan")
    lines.append(CLOSING.format(downlink=forecast(downlink).secret_key_rate_hz / 1e3))
    return "".join(lines)


def test_the_page_is_what_is_computed():
    assert PAGE.read_text(encoding="utf-8") == page()


def test_every_network_has_a_row_and_says_its_source():
    assert set(NETWORKS) <= {path.stem for path in (ROOT / "networks").glob("*.toml")}
    for name in NETWORKS:
        comments = [
            line for line in (ROOT / "networks" / f"{name}.toml").read_text().splitlines() if line[:1] == "#"
        ]
        assert any("Source:" in line or "Published:" in line for line in comments)
        assert any("Assumed" in line or "assumed" in line for line in comments)


@pytest.mark.parametrize("name", NETWORKS)
def test_it_loads_and_keys_go_over_trusted_sites(name):
    sites, links, ends, length, rate = NETWORKS[name]
    network = load(name)
    assert (len(network.nodes), len(network.links)) == (sites, links)
    route = network.key_route(*ends)
    assert len(route.nodes) == length
    assert all(network.nodes[node].role == "trusted" for node in route.nodes[1:-1])
    slowest = min(forecast(hop).secret_key_rate_hz for hop in route.hops)
    assert route.secret_key_rate_hz == pytest.approx(slowest, rel=1e-9)
    if rate is not None:
        assert slowest == pytest.approx(rate, rel=2e-3)  # four digits stand in the file


@pytest.mark.parametrize("field", FIELDS, ids=lambda field: "-".join(field.ends))
def test_losses_and_rates_are_the_published_ones(field):
    link = link_of(load(field.network), *field.ends)
    assert link.medium.loss_db == pytest.approx(field.loss_db, abs=1e-4)
    assert -10 * log10(link.medium.transmittance) == pytest.approx(field.loss_db, abs=1e-4)
    assert forecast(link).secret_key_rate_hz == pytest.approx(field.published_hz, rel=2e-3)
    assert field.ours_hz() > field.published_hz  # a ceiling


@pytest.mark.parametrize(
    ("ends", "rate", "qber"), [(("siemens", "erdberg"), 2500, 0.035), (("erdberg", "forum"), 17e3, 0.023)]
)
def test_rates_stand_for_pairs_of_the_published_errors(ends, rate, qber):
    link = link_of(load("secoqc"), *ends)
    assert forecast(link).state.qber("Z") == pytest.approx(qber, abs=1e-4)
    assert link.rate_hz * bb84_rate(qber) == pytest.approx(rate, rel=2e-3)


def test_the_backbone_has_its_length_and_stations():
    network = load("beijing_shanghai")
    spans = [link for link in network.links if "xinglong" not in link.left.name and link.left.name != "micius"]
    assert len(spans) == 31
    assert sum(link.medium.length_km for link in spans) == pytest.approx(2032, abs=0.5)
    line = network.key_route("beijing", "shanghai").nodes
    assert len(line) == 32
    assert {"jinan", "hefei"} < set(line)


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
