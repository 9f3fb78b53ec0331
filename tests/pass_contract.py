"""The contract that every pass keeps, whatever it rewrites: modules of Relax or static programs.

A pass leaves its input as it was, gives the same for the same input, and changes nothing in what
it has made; what it leaves holds the invariants of its stage. A new pass is a line in a table of
`Pass`, and every network of the tests goes through it.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Pass:
    """One pass.

    Attributes
    ----------
    name : str
        As the message of a broken contract calls it.
    run : callable
        From what comes in to what goes out.
    verify : callable
        Raises where an invariant does not hold behind the pass.
    """

    name: str
    run: Callable[[Any], Any]
    verify: Callable[[Any], Any] = lambda after: after


def broken(passes, subject, fingerprint, equal, *, repeated=True):
    """What is wrong with passes that run one behind the other, as sentences.

    Parameters
    ----------
    passes : iterable of Pass
        In their order.
    subject : object
        What the first one gets.
    fingerprint : callable
        Of what a pass gets: differs when anything in it has changed.
    equal : callable
        Whether two results are the same.
    repeated : bool
        Whether each pass runs on the same input again, too.

    Returns
    -------
    list of str, object
        And what the last one leaves.
    """
    found = []
    for one in passes:
        before = fingerprint(subject)
        after = one.run(subject)
        if fingerprint(subject) != before:
            found.append(f"{one.name} changed its input")
        if not equal(one.run(after), after):
            found.append(f"{one.name} changes what it has made")
        # Where nothing was to be done, that was the second run on the same input.
        if repeated and after is not subject and not equal(one.run(subject), after):
            found.append(f"{one.name} gives another result the second time")
        one.verify(after)
        subject = after
    return found, subject
