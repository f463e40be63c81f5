"""Nodes of ONNX graphs, as they enter a ledger: uses of tensors, constants, and numbers in attributes.

Spec: onnx/onnx, docs/Operators.md; see `operators.py`.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from estimators.bounds import PARAMETERS_PER_BYTE_AT_MOST
from estimators.formats.graph_ledger import SMALL, Ledger, Stored
from estimators.formats.onnx import operators as operators

LARGE_TEXT_BYTES = 64 * 1024  # of an attribute: a compiled network, not a name


@dataclass(slots=True)
class Attribute:
    """What matters of one attribute of a node."""

    name: bytes = b""
    integer: int = 0
    floats: int = 0
    integers: int = 0
    longest_text: int = 0
    tensors: list[Stored] = field(default_factory=list)


@dataclass(slots=True)
class Node:
    """What matters of one node; names are hashes, 0 for an input left out."""

    operator: str = ""
    domain: str = ""
    inputs: list[int] = field(default_factory=list)
    outputs: list[int] = field(default_factory=list)
    attributes: list[Attribute] = field(default_factory=list)

    def integers(self) -> dict[str, int]:
        """The attributes that say how weights are packed."""
        return {attribute.name.decode("latin-1"): attribute.integer for attribute in self.attributes}


def record(ledger: Ledger, node: Node) -> int:
    """Enter a node's uses of tensors, and its own, into the ledger; the parameters that are certain by that."""
    operator, inputs = node.operator, node.inputs
    if operator == "Constant":
        return _constant(ledger, node)
    roles = operators.roles_of(operator, len(inputs))
    if roles:
        ledger.quantised(roles, inputs, operators.packing_of(operator, node.integers()))
    if operator in operators.MOVES:
        ledger.moved(node.outputs, inputs if operator == "Concat" else inputs[:1])
    elif operator == "Mul" and len(inputs) > 1:
        ledger.product(inputs[0], inputs[1])
    elif operator == "Sub" and len(inputs) > 1 and node.outputs:
        ledger.difference(node.outputs[0], inputs[0], inputs[1])
    elif operator in operators.DYNAMIC_SCALES:
        for key in node.outputs[1:2]:
            ledger.dynamic_scale(key)
    elif operator == operators.NORMALISED_BY_STATISTICS:
        ledger.statistics.update(inputs[3:5])
    elif not roles and node.domain not in operators.STANDARD_DOMAINS:
        ledger.foreign(inputs)
    if node.attributes or operator in operators.COMPILED:
        _values_of(ledger, node)
    return 0


def _constant(ledger: Ledger, node: Node) -> int:
    """The value of a Constant node: it counts where it has more than 64 elements."""
    key = node.outputs[0] if node.outputs else 0
    certain = 0
    for attribute in node.attributes:
        stored = attribute.tensors
        if attribute.floats:
            stored = [*stored, Stored(key, 0, "F32", attribute.floats, attribute.floats)]
        large = [tensor._replace(key=key) for tensor in stored if tensor.elements > SMALL]
        for tensor in large:
            ledger.add(tensor)
        # Floats that turn out to be scales have a weight of at least as many elements.
        certain += sum(tensor.elements for tensor in large if tensor.dtype in ("F32", "F16", "BF16", "F64"))
    ledger.fixed.add(key)
    return certain


def _values_of(ledger: Ledger, node: Node) -> None:
    """Numbers in attributes: of trees and linear models, of compiled networks, or of operators nobody knows."""
    values = floats = 0
    for attribute in node.attributes:
        if node.domain != operators.MACHINE_LEARNING_DOMAIN:
            for tensor in attribute.tensors:
                if tensor.elements > SMALL:
                    ledger.add(tensor)
            floats += attribute.floats if attribute.floats > SMALL else 0
        else:  # models of few numbers are models, too; integers are labels, except in trees
            floats += attribute.floats + sum(tensor.elements for tensor in attribute.tensors)
            values += attribute.integers if node.operator.startswith(operators.TREES) else 0
        if attribute.longest_text > LARGE_TEXT_BYTES and node.domain != operators.TEXT_DOMAIN:
            values += PARAMETERS_PER_BYTE_AT_MOST * attribute.longest_text
            ledger.note("compiled-network", f"{node.operator}: {attribute.longest_text} bytes are not ONNX")
    if node.operator in operators.COMPILED and not values:
        ledger.unbounded = True
        ledger.note("compiled-network", f"{node.operator} runs a network that another file holds")
    if floats or values:
        ledger.high += floats + values
        ledger.note("values-in-attributes", f"{node.operator}: numbers in attributes may be parameters")
