"""What is at stake: what a quantum computer breaks, which secrets live too long, what to change first."""

from quantumlink.keys.migration.algorithms import Algorithm, Verdict, algorithm
from quantumlink.keys.migration.assessment import Assessment, Finding, assess
from quantumlink.keys.migration.inventory import Inventory, InventoryError, System
from quantumlink.keys.migration.resources import Estimate, estimates_of

__all__ = [
    "Algorithm",
    "Assessment",
    "Estimate",
    "Finding",
    "Inventory",
    "InventoryError",
    "System",
    "Verdict",
    "algorithm",
    "assess",
    "estimates_of",
]
