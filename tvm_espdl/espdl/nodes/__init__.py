"""From nodes of a file to calls of operators: one file per family, each with its table.

Source of what a node means: ESP-DL `dl/module/include/dl_module_*.hpp`, `deserialize`. What the
chip ignores in a node is ignored here, too: its bits are the truth.
"""

from __future__ import annotations

import difflib
from collections.abc import Callable, Sequence

from ...chips import Chip
from ...errors import EspdlError, ModelError
from .. import declared, tables
from ..network import Call, State, Types
from ..node_view import NodeView
from ..schema import Graph, Node
from . import (
    conversion,
    functions,
    movement,
    norm,
    placement,
    pools,
    products,
    recurrent,
    reductions,
    shapes,
)

__all__ = ["TRANSLATORS", "translate"]

Translator = Callable[[NodeView], Sequence[Call | State]]

TRANSLATORS: dict[str, Translator] = {
    **declared.TRANSLATORS,
    **tables.TRANSLATORS,
    **conversion.TRANSLATORS,
    **functions.TRANSLATORS,
    **movement.TRANSLATORS,
    **norm.TRANSLATORS,
    **placement.TRANSLATORS,
    **pools.TRANSLATORS,
    **products.TRANSLATORS,
    **recurrent.TRANSLATORS,
    **reductions.TRANSLATORS,
    **shapes.TRANSLATORS,
}


def translate(
    node: Node, graph: Graph, types: Types, chip: Chip, where: str
) -> Sequence[Call | State]:
    """The calls of a node, and before them the states that it keeps.

    Raises
    ------
    ModelError
        If there is no such operator, or the node is not as that operator wants it.
    """
    view = NodeView(node, graph, types, chip, where)
    translator = TRANSLATORS.get(node.op_type)
    if translator is None:
        near = difflib.get_close_matches(node.op_type, TRANSLATORS, n=1)
        view.refuse(
            "no operator of this package",
            found=node.op_type,
            allowed=", ".join(sorted(TRANSLATORS)),
            try_=f"{near[0]}?" if near else "replace it in the model",
        )
    try:
        return translator(view)
    except EspdlError:
        raise
    except (ArithmeticError, LookupError, TypeError, ValueError) as error:
        # Contradictions within a node that no rule has a sentence for.
        raise ModelError(
            "the node contradicts its tensors",
            where=f"{where}, {node.label}",
            found=str(error) or type(error).__name__,
            try_="export the model again",
        ) from error
