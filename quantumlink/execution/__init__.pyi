"""The public names."""

from .engine import Engine as Engine
from .engine import Setting as Setting
from .exact_sampler import ExactSampler as ExactSampler
from .samples import Samples as Samples
from .sampling import sample as sample
