"""The public names."""

from .compilation import Compiled as Compiled
from .compilation import compiled as compiled
from .cost import FEEDFORWARD_LATENCY_S as FEEDFORWARD_LATENCY_S
from .cost import Cost as Cost
from .linting import NotSubmittable as NotSubmittable
from .linting import lint as lint
from .prediction import Prediction as Prediction
from .prediction import predict as predict
from .prepared import Choice as Choice
from .prepared import Prepared as Prepared
from .preparing import prepare as prepare
from .probabilities import Probabilities as Probabilities
from .recipe import Recipe as Recipe
from .slicing import VirtualProcessor as VirtualProcessor
from .slicing import slice_device as slice_device
