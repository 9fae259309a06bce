"""Which of MONAI's expressions do no harm: read as Python's syntax tree, never run."""

from __future__ import annotations

import ast
import re

IMPORTS = (
    "from echocare_core.bundle import running_bundle_root",
    "import echocare_core.distributed as distributed",
)
CALLS = (
    *("running_bundle_root", "len"),
    *("torch.device", "torch.cuda.is_available", "monai.utils.set_determinism"),
    *("distributed.local_device", "distributed.rank", "distributed.start_distributed", "distributed.stop_distributed"),
)
METHODS = ("parameters", "run")  # of what another entry builds
ATTRIBUTES = ("combine", "data", "network", "teacher")
WHOLE = ("lambda output: output",)
LONGEST = 1000  # characters

_REFERENCE = re.compile(r"@\w*(?:::\w*)*")  # of another entry, as MONAI finds it
_STANDS_FOR_ONE = "_another_entry_"
_PLAIN = (ast.Constant, ast.List, ast.Tuple, ast.Dict, ast.IfExp, ast.BoolOp, ast.Compare, ast.UnaryOp, ast.keyword)
_PARTS = (ast.Subscript, ast.Slice, ast.Load, ast.Add, ast.Sub, ast.boolop, ast.cmpop, ast.unaryop)


def is_harmless(expression: str) -> bool:
    """Whether an expression only reads other entries and calls what is listed here.

    Args:
        expression: text of a configuration that begins with $, without that sign.
    """
    if expression.strip() in (*IMPORTS, *WHOLE):
        return True
    expression = expression.replace("#", "::")  # as MONAI does everywhere, also where Python sees a comment
    if len(expression) > LONGEST or _STANDS_FOR_ONE in expression or "@::" in expression:
        return False  # @# and what follows it becomes names that stand around it, which may hold anything
    try:
        tree = ast.parse(_REFERENCE.sub(_STANDS_FOR_ONE, expression).strip(), mode="eval")
        return _does_no_harm(tree.body)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return False


def _does_no_harm(node: ast.AST) -> bool:
    if isinstance(node, ast.Name):
        return node.id == _STANDS_FOR_ONE
    if isinstance(node, ast.Attribute):
        return node.attr in ATTRIBUTES and _is_entry(node.value)
    if isinstance(node, ast.Call):
        return _is_listed(node.func) and all(map(_does_no_harm, [*node.args, *node.keywords]))
    if isinstance(node, ast.BinOp):
        return isinstance(node.op, (ast.Add, ast.Sub)) and _does_no_harm(node.left) and _does_no_harm(node.right)
    if isinstance(node, (*_PLAIN, *_PARTS)):
        return all(map(_does_no_harm, ast.iter_child_nodes(node)))
    return False


def _is_listed(called: ast.AST) -> bool:
    if isinstance(called, ast.Attribute) and _is_entry(called.value):
        return called.attr in METHODS
    return ast.unparse(called) in CALLS


def _is_entry(node: ast.AST) -> bool:
    return isinstance(node, ast.Name) and node.id == _STANDS_FOR_ONE
