"""Proves an installation: every engine of this package against vectors made by ESP-DL's own code.

This folder owns the format of the vectors and the comparison; it computes nothing itself.
"""
