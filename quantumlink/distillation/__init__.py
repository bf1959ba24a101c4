"""From the bits of both ends to a secret key: reconciliation, verification, amplification, authentication.

Nothing here knows a circuit: bits come from wherever they come.
"""
