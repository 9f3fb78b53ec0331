"""Reports: rows, the log of what was refused, and how they are shown as text, JSON and HTML.

This folder shows what others found; it judges and measures nothing.
"""
