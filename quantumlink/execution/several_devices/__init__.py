"""One network on several devices that share no entanglement: cut, run part by part, put together by weights.

No entangled pair goes from one of today's devices to another. A pair between them is *cut*: with Pauli
correlations t it is ¼(1 + Σ t_P·P⊗P*), a sum of products of eigenstates of X, Y and Z, with weights of which
some are negative. Each device prepares its half in one of these states, row by row, and measures; what the
results have in common is put together afterwards, with the weights. So the figures are those of the network.
They are bought with runs: for each cut the intervals are γ times as wide, with γ = 3 for a perfect pair and 1
for one that is not entangled. Classical messages between devices are parities of bits, taken after all is
measured: no device waits for another one.

It is a simulation of the links between the devices, and no key can be made of it: no half was ever entangled
with the other. Within a device everything is as it is there, with its own errors.

Reference:
    C. Piveteau, D. Sutter, IEEE Trans. Inf. Theory 70, 2734 (2024), on cutting with classical communication.
"""

from quantumlink.execution.several_devices.combining import AcrossDevices, prepare_across
from quantumlink.execution.several_devices.parts import DevicePart, RowMeans

__all__ = ["AcrossDevices", "DevicePart", "RowMeans", "prepare_across"]
