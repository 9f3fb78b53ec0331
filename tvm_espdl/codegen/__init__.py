"""From a `Program` to C: constants, sources, the header, an ESP-IDF project.

This folder owns everything that is written for the chip. It never
recomputes what `ops` or `program` states.
"""
