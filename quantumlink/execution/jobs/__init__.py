"""Jobs that survive: submitted once, found again after a crash, read on another machine."""

import lazy_loader

# All names stand in the stub; each is loaded at its first use.
__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
