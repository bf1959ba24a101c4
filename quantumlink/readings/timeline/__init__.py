"""The timeline: a link in seconds, many trials at once, each with its exact state.

What happens when, to the letter:

- **Trials.** Each makes one pair between the link's ends, beginning at time 0 with nothing, and is independent
  of all others.
- **Attempts.** An elementary link makes attempts one after the other, as its ``attempts`` say: that of a pair
  is the k-th, k geometric, and the pair is heralded at both ends when that attempt ends; or, where attempts
  follow one another faster than their heralds, when the link's ``herald_delay_s`` since that attempt's start is
  over: twice the way of a `NodeSource`, whose photon goes there and the word of it back, one and a half times that
  of a `MidpointSource`, once that where photons meet in the middle or nothing is said. (A stream of pairs at random
  moments delivers after an exponential time instead.) The first attempt
  begins at time 0, or when what the link belongs to starts again; several modes that a link's attempt tries at
  once count as one attempt.
- **Memories.** A qubit waits, with its node's T1 and T2, from the moment it is stored until it is operated on.
  By default an elementary pair has its stated state at its herald, and both qubits wait from then; with
  ``stored="attempt"`` it has it at the start of the attempt that made it, and both memories hold it meanwhile.
- **A swap** begins when the relay knows that both pairs are there (in levels: when all pairs of its level are;
  a swap's level is the height of the swaps under it, within what starts again as one). The Bell measurement's
  result then travels to both ends along the media of either side, or as long as a link's ``classical_delay_s``
  says; a medium that is None takes no time. Each end
  knows of the pair, and the right one corrects its qubit, when the message is there; until then its qubit
  waits. The next swap or purification waits for that: corrections are not put off.
- **A purification** begins at both ends at one moment, when the later end has both pairs. Each end measures,
  and tells the other, along the quicker of the two pairs' ways. An end knows of the result when it has both
  outcomes. It fails with the probability of that trial's own exact state; then, when the later end knows, all
  below it starts again.
- **Any operation** goes as these two do. It begins at one moment: when every site that acts without a condition
  knows that it has all its qubits. What is measured travels to every site, along the quickest way that the media
  make; a site knows of the result when it has all outcomes and all that its own links need, and has corrected.
  A qubit waits until its site's gates are done, one that is corrected until that. One that may fail (heralds, an
  operation with a success probability, memories that lose qubits) does so with the probability of that trial's own
  exact state; then, when the last end knows, all below it starts again. See `quantumlink.timing.course`.
- **Optimistic purification** (``purifying="optimistic"``): ends go on as soon as their gates are done. In the end,
  when all messages are there (also of operations elsewhere, along the links' media), all know whether everything
  succeeded, with the product of the probabilities of that trial's own exact states; if not, all begins again. It
  needs memories for all pairs at once.
- **Gates and measurements** take as long as their processor says. An operation acts at its end: its qubits wait
  for as long as it takes, then it happens. A swap's two corrections keep their place in time if they do not
  fire.
- **Cut-off.** A link's age counts from its herald or from the last measurement of the operation that made it. If
  it is older than ``cutoff_s`` when its partner would allow the operation (exactly as old is not
  older, however the durations were rounded: see `quantumlink.timing.ticks`), it is thrown away when
  it reaches that age, the other end is told, and when the message is there all below it starts again; the
  partner goes on. The last pair, for which nobody waits, is never thrown away. A cut-off shorter than the
  messages is refused, and so is one for which partners miss each other thousands of times before they meet.
- **Several memories.** ``Node.memories`` is how many qubits a node can hold for its link to each neighbor; None
  is as many as needed, and a node with 0 can only end a single elementary link. If they suffice for
  all elementary pairs below an operation at once, all its links are made side by side, and spare places make
  attempts in parallel: m of them succeed with 1 − (1 − p)^m in each round, m the smaller number of the two
  nodes, in whole shares where several pairs use the same places; of several successes one is used. If the
  memories do not suffice, the links are made one after the other, the kept one first (one that grows too old
  meanwhile then ends the try for all); if not even that is possible, the link is refused. Without a number,
  there is one attempt at a time.
- **Storage.** A node with ``storage`` moves every heralded half into one of its storage qubits. That takes
  its memory's ``move_s``, after which its end knows of the pair; ``communication`` says for how many
  links at once it makes attempts, and where that is too few, links are made one after the other, as above.
- **Streams** (``pairs=``) are of many pairs in turn: see `quantumlink.readings.timeline.streaming`.
- **Attempts disturb** what the same node stores, if its memory says so (``per_attempt``): every attempt for
  another pair that begins while the qubit is stored counts. See `quantumlink.readings.timeline.disturbing`.
- **The end.** The latency is when the last end knows that it has its qubit, and the states are of that moment.

Why ``stored="herald"`` is the default: what a source or an experiment states is the state of pairs that were
heralded, measured when the herald was there, so that decay during heralding is in it already, and counting it again
would be a wrong number without a word; the exact reading, which knows no time, then tells the state of the same
pairs. Where a state was computed for the moment at which the memory was entangled, say ``stored="attempt"``: so are
those of sources (as `NodeSource`, which keeps one half while the other flies), in which no memory decays. Both
memories then hold it from the start of the attempt until its herald: 2·L/c of a `NodeSource`.

Everything is drawn in numpy over all trials of a batch; no step is made for a trial, or an attempt. Where something
starts again, a row of independent tries is drawn and cut after each success, which is as exact (see
`quantumlink.readings.timeline.drawing`).

Read the result by its means with intervals (``rate_hz``, ``latency_s``, ``fidelity``), its distributions
(``latencies_s``, ``fidelities``, ``states``) and its ``budget``.

References:
    L.-M. Duan, M. D. Lukin, J. I. Cirac, P. Zoller, Nature 414, 413 (2001): repeaters in time.
    O. A. Collins, S. D. Jenkins, A. Kuzmich, T. A. B. Kennedy, Phys. Rev. Lett. 98, 060502 (2007): multiplexing and
        cut-offs.
"""

from quantumlink.readings.timeline.budget import Budget, FidelityBudget, TimeBudget
from quantumlink.readings.timeline.result import Histories, Timeline
from quantumlink.readings.timeline.simulation import simulate
from quantumlink.readings.timeline.stream import Stream

__all__ = ["Budget", "FidelityBudget", "Histories", "Stream", "TimeBudget", "Timeline", "simulate"]
