"""Delivery: who may get keys of whom, what a request may say, and how two nodes hand a key over exactly once."""

from quantumlink.keys.delivery.manager import KeyManager
from quantumlink.keys.delivery.refusal import Refusal
from quantumlink.keys.delivery.registry import Application, Certified, Peer, Registry

__all__ = ["Application", "Certified", "KeyManager", "Peer", "Refusal", "Registry"]
