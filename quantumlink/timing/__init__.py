"""Timing: attempts and their moments, durations, memory places, and clocks in which times are compared exactly.

Knows links, circuits and hardware, and nothing of states. The timeline and the forecast stand on it.
"""
