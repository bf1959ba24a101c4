"""`forecast`: what a link delivers and how fast, without sampling, in about 0.3 ms for each operation.

It stands between two other readings: `evaluate` knows no time, and the sampled timeline knows every moment but
needs thousands of trials. Searches score their candidates by it, and the winner may then be simulated.

It is the timeline of `simulate` with its default options, messages, gates, corrections and memory places included,
with the decay of waiting pairs integrated over all moments at which pairs are there: see `stages` for how, and for
the little that is not exact.

Latency and rate are two things. The latency is the time to the first pair, the light time of its herald included.
An elementary link on its own is a stream: its attempts do not wait for the heralds of those before, if their clock
is faster than light, and the users take each pair as it comes. Its rate is then above 1/latency. What is swapped or
purified makes one pair after the other, each beginning with nothing, and its rate is 1/latency.
"""

from quantumlink.readings.forecasting.reading import forecast, forecasts, stage_of
from quantumlink.readings.forecasting.result import Forecast

__all__ = ["Forecast", "forecast", "forecasts", "stage_of"]
