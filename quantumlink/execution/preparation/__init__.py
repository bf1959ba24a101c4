"""A program on a device: prepared for it, predicted for it, checked before it is submitted."""

import lazy_loader

# All names stand in the stub; each is loaded at its first use.
__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
