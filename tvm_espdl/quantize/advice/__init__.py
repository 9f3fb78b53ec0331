"""What loses accuracy in a quantized network, why, and which option mends it at what price.

Must never advise what was not tried: gains are measured on held-out samples, by simulation.
"""

from .advice import Advice, Mend

__all__ = ["Advice", "Mend"]
