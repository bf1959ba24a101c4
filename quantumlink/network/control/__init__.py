"""Control: many demands on one network at once, slot by slot.

What happens when, to the letter:

- **Slots.** Decisions are made at the beginning of slots of ``slot_s``. Attempts, heralds, gates and messages take
  the time they take; what is known at some moment is acted on in the first slot at or after it. States are those of
  the moments themselves.
- **Links** make attempts one after the other, as their ``attempts`` say, whenever there is a memory at both ends
  and nothing keeps them from it, whether somebody asked or not (with `Reservation`: only for who holds them). A
  node with ``memories`` has so many for each of its links, and makes as many attempts at once; without a number
  there is one attempt at a time, and a link pauses while ``buffer`` of its pairs are in stock. A pair has the
  stated state at its herald; from then its qubits wait.
- **Stock.** A link's pairs belong to nobody until an operation takes them. Of several, the newest is taken
  (``take``).
- **Swaps.** A node swaps for a demand as soon as it knows two pairs of its path that meet there (``"asap"``), or
  that make a part of ``chain``'s order (``"balanced"``, ``"sequential"``). ``"fidelity"`` is ``"asap"`` where each
  result that is below the demand's floor is dropped at once. What then comes when (gates, messages, corrections,
  failures) is as in `quantumlink.readings.timeline`, but that after a failure each link begins again by itself, as
  soon as memories at both its ends are free, and its pair waits for the others. No more is begun than there are
  requests.
- **Purification** is done to each hop, in rounds, or wherever `best_strategy` finds it best
  (``purify_rounds="best"``).
- **Who is first** is the policy's: see `quantumlink.network.control.policies`. Weights, queues and what is in stock
  are known everywhere at once; only results of operations, losses and the setting-up of held paths travel.
- **Delivery.** A pair from end to end goes to the oldest request when both ends know of it, and leaves the
  memories. One that is below the demand's floor is dropped, and made again.
- **GHZ states** (``kind="ghz"``): the first node is the center, and has a pair with every other one, an *arm*. As
  soon as it knows of all of them it fuses them (`quantumlink.circuits.fuse_pairs_to_ghz`), and keeps a qubit; its
  outcomes travel along the arms, whose far ends correct. The state is delivered when all know, with the exact state
  of what came together. A fusion that would be known after the request's deadline is not begun; nodes that fail
  before all know spoil the state. The floor is that of the pairs, at the fusion. With `Reservation` all arms are
  held together.
- **Cut-off.** What is older than ``cutoff_s`` is thrown away, its memories are free when the other end was told.
  The last pair of a route, for which nobody waits, is not (that of an arm is).
- **Failures.** A link that is down makes no pairs; a node that is down loses what it holds. A demand then uses the
  first of its routes on which nothing is down; what it had begun on others is dropped. Routes are chosen before the
  run: that which takes least of the links' time for a pair or a secret bit, then such that share no node (else no
  link) with those before.
- **Keys** are counted from the mean state of the pairs, asymptotically. Over trusted nodes every segment makes its
  own pairs, and the slowest counts. Requests of a key are bits: each takes as many pairs as it would if nothing
  waited.

Where swaps come first to who asks and pairs are held while others are waited for, demands can block one another for
good if memories are few: a cut-off helps, or `Reservation`.

Intervals come from the scatter of the trials (of eight or more), else of the 32 parts of each.
"""

from quantumlink.network.control.duration import expected_duration_s
from quantumlink.network.control.happenings import Attack, Outage, RandomFailures, Watch
from quantumlink.network.control.operating import operate
from quantumlink.network.control.policies import (
    FirstComeFirstServed,
    Load,
    ManyPaths,
    MaxWeight,
    Policy,
    ProportionalFairness,
    Reservation,
    TimeSlots,
)
from quantumlink.network.control.result import Performance

__all__ = [
    "Attack",
    "FirstComeFirstServed",
    "Load",
    "ManyPaths",
    "MaxWeight",
    "Outage",
    "Performance",
    "Policy",
    "ProportionalFairness",
    "RandomFailures",
    "Reservation",
    "TimeSlots",
    "Watch",
    "expected_duration_s",
    "operate",
]
