"""Pictures of an estimate, as SVG for the page kit.

Each draws what it is given, the same content in the same bytes; none computes a figure.
"""
