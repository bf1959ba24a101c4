"""Distributed computing: a circuit over the processors of a network, gate by gate over composed links."""

from quantumlink.distributed.cover import exact_cover
from quantumlink.distributed.distributing import distribute
from quantumlink.distributed.distribution import Distribution
from quantumlink.distributed.passes import DistributeCircuit, distributed_pass_manager, transpiled_programs
from quantumlink.distributed.placement import SearchedPlacement
from quantumlink.distributed.planning import Methods
from quantumlink.distributed.proof import NotTheSame, Proof
from quantumlink.distributed.schedule import list_schedule
from quantumlink.distributed.trees import single_paths, steiner_tree
from quantumlink.distributed.virtual import crossings, layout_on

__all__ = [
    "DistributeCircuit",
    "Distribution",
    "Methods",
    "NotTheSame",
    "Proof",
    "SearchedPlacement",
    "crossings",
    "distribute",
    "distributed_pass_manager",
    "exact_cover",
    "layout_on",
    "list_schedule",
    "single_paths",
    "steiner_tree",
    "transpiled_programs",
]
