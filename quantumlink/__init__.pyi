"""The public names."""

from . import circuits as circuits
from . import parts as parts
from . import qkd as qkd
from . import testing as testing
from . import visualization as visualization
from .circuits import Operation as Operation
from .distributed import distribute as distribute
from .estimation import Estimate as Estimate
from .execution import ExactSampler as ExactSampler
from .execution import Samples as Samples
from .execution import sample as sample
from .execution.clifford import CliffordSampler as CliffordSampler
from .execution.jobs import best_backend as best_backend
from .execution.jobs import resume as resume
from .execution.jobs import submit as submit
from .execution.preparation import predict as predict
from .execution.preparation import prepare as prepare
from .hardware import Detector as Detector
from .hardware import Fiber as Fiber
from .hardware import FreeSpace as FreeSpace
from .hardware import Memory as Memory
from .hardware import Node as Node
from .hardware import Processor as Processor
from .hardware import SatellitePass as SatellitePass
from .link import ElementaryLink as ElementaryLink
from .link import Link as Link
from .link import chain as chain
from .link import encode as encode
from .link import join as join
from .link import purify as purify
from .link import swap as swap
from .network import Network as Network
from .network import operate as operate
from .program import Program as Program
from .readings import PairState as PairState
from .readings import compose as compose
from .readings import evaluate as evaluate
from .readings import wire as wire
from .readings.forecasting import forecast as forecast
from .readings.timeline import simulate as simulate
from .sweeps import sweep as sweep
from .visualization import draw as draw

__version__: str
