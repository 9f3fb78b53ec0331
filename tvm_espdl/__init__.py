"""Placeholder, replaced while the package is being assembled."""
