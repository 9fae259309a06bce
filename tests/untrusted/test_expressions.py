"""An expression is judged by what it says, and never run."""

from __future__ import annotations

import pytest

from echocare_core.untrusted.expressions import is_harmless


@pytest.mark.parametrize(
    "expression",
    [
        "@bundle_root + '/models/model.pt'",
        "torch.device('cuda' if torch.cuda.is_available() else 'cpu')",
        "monai.utils.set_determinism(seed=@seed + distributed.rank())",
        "@train#trainer.run()",
        "@load + @augment",
        "@train::handlers[:3]",
        "len(@classes)",
        "from echocare_core.bundle import running_bundle_root",
        "lambda output: output",
    ],
)
def test_reading_other_entries_does_no_harm(expression: str) -> None:
    assert is_harmless(expression)


@pytest.mark.parametrize(
    "expression",
    [
        "__import__('os').system('x')",
        "open('ran', 'w')",
        "import os",
        "from os import system",
        "from echocare_core.bundle import sys",
        "torch.load('x')",
        "torch.os.system('x')",
        "monai.utils.os",
        "@network.__class__",
        "@network.run.__globals__['os']",
        "@network.run(open('x', 'w'))",
        "[one for one in ().__class__.__base__.__subclasses__()]",
        "(lambda: open('x'))()",
        "lambda: 1",
        "f\"{open('x')}\"",
        "len(*@a)",
        "'a' * 10**9",
        "_another_entry_",
        "len(",
        "@a[1#open('x')\n]",
        "@#beside",
        "(" * 900 + ")" * 900,
        "running_bundle_root((x := open('x')))",
    ],
)
def test_anything_else_may_do_harm(expression: str) -> None:
    assert not is_harmless(expression)
