"""The public names."""

from .choosing import Candidate as Candidate
from .choosing import Ranking as Ranking
from .choosing import best_backend as best_backend
from .comparison import Comparison as Comparison
from .errors import BackendNotFound as BackendNotFound
from .errors import ForeignResult as ForeignResult
from .errors import JobError as JobError
from .errors import JobFailed as JobFailed
from .errors import JobFileError as JobFileError
from .errors import JobLost as JobLost
from .errors import JobUnfinished as JobUnfinished
from .errors import NotAuthorized as NotAuthorized
from .errors import ResultUnreadable as ResultUnreadable
from .errors import ServiceUnavailable as ServiceUnavailable
from .job import Job as Job
from .patience import Patience as Patience
from .readers import register_reader as register_reader
from .resuming import resume as resume
from .seconds import TooExpensive as TooExpensive
from .splitting import Limits as Limits
from .submission import submit as submit
from .timing import Timing as Timing
