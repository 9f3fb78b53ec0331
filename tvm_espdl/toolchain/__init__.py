"""C compilers and emulators: what builds and runs generated C on this PC.

It knows commands and their output; it prints no C.
"""
