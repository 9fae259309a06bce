"""Where the MONAI Deploy App SDK is missing, a sentence says how to get it."""

from __future__ import annotations

import importlib
import sys

import pytest

from echocare_core.errors import EngineError


def test_a_missing_sdk_is_one_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "holoscan", None)
    monkeypatch.delitem(sys.modules, "echocare_core.integrations.deploy", raising=False)

    with pytest.raises(EngineError, match=r"needs monai-deploy-app-sdk, not installed here.*'echocare\[deploy\]'"):
        importlib.import_module("echocare_core.integrations.deploy")
