"""From a static list of calls to C: program, memory plan, sources, ESP-IDF project.

This folder owns everything that is written for the chip. It never recomputes what `ops` states.
"""
