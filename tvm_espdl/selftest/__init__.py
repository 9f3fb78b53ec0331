"""Proves an installation, or a board: every engine against vectors made by ESP-DL's own code.

This folder owns the format of the vectors, the comparison, and the firmware that runs them on a
board with the judge of its log; it computes nothing itself.
"""
