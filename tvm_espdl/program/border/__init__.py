"""The border of a network: in which form firmware gives inputs, and takes outputs.

A network computes the same whatever its border is. Nothing here runs on the PC in its place, and
nothing decides how C looks.
"""
