"""Distillation among several: one key for all of them, or a dealer's key in two shares.

Alice (the dealer) holds an authenticated line to each of the others, with a secret of its own; nobody else talks
to anybody. See `distillation.group.alice` for what is said.
"""
