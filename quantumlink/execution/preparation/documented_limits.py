"""What IBM documents as the most that one job, or one condition in it, may hold."""

MAX_OPERAND_BITS = 32
"""Bits of an operand of a condition."""

MAX_BROADCAST_BITS = 2_400
"""Bits that may be broadcast to the conditions of a job, about."""

MAX_EXECUTIONS = 10_000_000
"""Executions of a job: rows times shots."""
