"""The public names."""

from .exact_sampler import ExactSampler as ExactSampler
from .samples import Samples as Samples
from .sampling import sample as sample
