"""No key is faster than PLOB allows a medium, however pairs are stated, tried in parallel, or told of."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

import quantumlink as ql
from quantumlink.network import forecast

MEDIA = st.one_of(
    st.builds(
        ql.Fiber,
        st.floats(0.5, 400),
        attenuation_db_per_km=st.floats(0.01, 0.5),
        connectors=st.integers(0, 3),
        depolarization_per_km=st.floats(0, 1e-3),
    ),
    st.builds(
        ql.FreeSpace,
        st.floats(1, 2000),
        wavelength_nm=st.just(850.0),
        beam_waist_m=st.floats(0.02, 0.5),
        receiver_diameter_m=st.floats(0.05, 2.0),
        weather_loss_db=st.floats(0, 10),
    ),
)


@given(medium=MEDIA, modes=st.integers(1, 1000), memories=st.integers(1, 20), fidelity=st.floats(0.25, 1))
def test_a_given_state_over_a_medium(medium, modes, memories, fidelity):
    ends = [ql.Node(name, memories=memories) for name in ("alice", "bob")]
    link = ql.ElementaryLink(*ends, medium, fidelity=fidelity, multiplexing=modes)
    found = forecast(link)
    # One try of each mode in each memory at a time, and tries as long as the light takes.
    uses_per_s = modes * memories / medium.delay_s
    assert found.secret_key_rate_hz <= found.rate_hz * (1 + 1e-12)
    assert found.secret_key_rate_hz <= uses_per_s * medium.plob_bits * (1 + 1e-9)
    assert found.rate_hz <= uses_per_s * medium.plob_bits * (1 + 1e-9)


@pytest.mark.parametrize(
    ("length_km", "modes", "memories"), [(5, 1, None), (50, 1, 1), (50, 40, None), (100, 3, 4)]
)
def test_a_given_state_in_time(length_km, modes, memories, seed):
    ends = [ql.Node(name, memories=memories) for name in ("alice", "bob")]
    link = ql.ElementaryLink(*ends, ql.Fiber(length_km), multiplexing=modes)
    timeline = ql.simulate(link, trials=2000, seed=seed)
    per_use = timeline.secret_key_rate_hz().best * link.medium.delay_s / (modes * (memories or 1))
    # At most η of −log₂(1 − η) ≥ η/ln 2 a use: a sampled mean of 2000 geometric times would have to be 31 % too
    # small, 13 standard deviations.
    assert per_use <= link.medium.plob_bits


def test_a_repeater_beats_it_and_that_is_what_it_is_for():
    ends, relay = (ql.Node("alice"), ql.Node("bob")), ql.Node("relay")
    half, whole = ql.Fiber(150), ql.Fiber(300)
    link = ql.swap(ql.ElementaryLink(ends[0], relay, half), ql.ElementaryLink(relay, ends[1], half))
    assert forecast(link).secret_key_rate_hz > whole.plob_bits / half.delay_s
