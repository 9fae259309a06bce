"""Layers with the parameters of PyTorch's own that compute in the precision of their input."""

from __future__ import annotations

import weakref
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, cast

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable
from torch.nn import functional


class Linear(nn.Linear):
    """A linear layer that computes in the precision of its input."""

    def __init__(self, inputs: int, outputs: int, bias: bool = True) -> None:
        super().__init__(inputs, outputs, bias)
        self.derived = DerivedTensorCache()

    def forward(self, rows: Tensor) -> Tensor:
        """(..., inputs) to (..., outputs)."""
        return functional.linear(rows, *in_precision_of(rows, self))


class LayerNorm(nn.LayerNorm):
    """A layer normalisation that computes in the precision of its input."""

    def __init__(self, channels: int) -> None:
        super().__init__(channels)
        self.derived = DerivedTensorCache()

    def forward(self, rows: Tensor) -> Tensor:
        """(..., channels) to the same."""
        return functional.layer_norm(rows, self.normalized_shape, *in_precision_of(rows, self), self.eps)


class Convolution(nn.Conv2d):
    """A convolution whose weights have channels last in memory too, in the precision of its input."""

    def __init__(self, *arguments: Any, **settings: Any) -> None:
        super().__init__(*arguments, **settings)
        self.derived = DerivedTensorCache()
        self.weight.data = self.weight.data.contiguous(memory_format=torch.channels_last)

    def forward(self, features: Tensor) -> Tensor:
        """(batch, inputs, height, width) to (batch, outputs, ...)."""
        return functional.conv2d(features, *in_precision_of(features, self), self.stride, self.padding)


class DerivedTensorCache:
    """Cache of tensors derived from a parameter, valid while nothing is trained and until the parameter changes.

    Another parameter in its place, a step of an optimiser, `load_state_dict` and every in-place operation are seen;
    writing through `.data`, which PyTorch itself does not see, is not: write under `torch.no_grad()` instead.

    Attributes:
        enabled: False where weights change without a trace, as FSDP's gathered ones do: nothing is kept then.
        cast: what `cast_together` has made already, by name.
    """

    def __init__(self) -> None:
        self.enabled = True
        self.tensors: dict[Any, tuple[Any, Tensor]] = {}
        self.cast: dict[Any, Tensor] = {}

    def __call__(self, name: Any, make: Callable[[Tensor], Tensor], parameter: Tensor) -> Tensor:
        """`make(parameter)`, or what it returned the last time under that name."""
        if is_recorded():
            return make(parameter)
        if name in self.cast:
            return self.cast[name]
        off = not self.enabled or torch.is_grad_enabled()
        if off or not isinstance(parameter, nn.Parameter) or parameter.is_inference():
            self.tensors.clear()
            return make(parameter)
        name = (name, parameter.device)
        found, made = self.tensors.get(name, (None, None))
        state = (weakref.ref(parameter), parameter.data_ptr(), parameter._version)
        if made is None or found != state:
            made = make(parameter)
            self.tensors[name] = (state, made)
        return made

    def __deepcopy__(self, memo: dict[int, Any]) -> DerivedTensorCache:
        return DerivedTensorCache()

    def __reduce__(self) -> tuple[type[DerivedTensorCache], tuple[()]]:
        return DerivedTensorCache, ()


@contextmanager
def cast_together(module: nn.Module, dtype: torch.dtype) -> Iterator[None]:
    """While a module is trained, cast the weights of all its layers in one operation, and their gradients in another.

    One by one they would be most of what a small network asks of a GPU.
    """
    layers = [layer for layer in module.modules() if isinstance(layer, Linear | LayerNorm) and layer.derived.enabled]
    named = [(layer, number, one) for layer in layers for number, one in enumerate((layer.weight, layer.bias))]
    weights = [(layer, number, one) for layer, number, one in named if one is not None and one.dtype != dtype]
    if not weights or not torch.is_grad_enabled():
        yield
        return
    results = _Cast.apply(dtype, *(one for _, _, one in weights))
    for (layer, number, _), result in zip(weights, results, strict=True):
        layer.derived.cast[number, dtype] = result
    try:
        yield
    finally:
        for layer in layers:
            layer.derived.cast.clear()


class _Cast(torch.autograd.Function):
    """Tensors in another precision."""

    @staticmethod
    def forward(ctx: Any, dtype: torch.dtype, *tensors: Tensor) -> tuple[Tensor, ...]:
        ctx.set_materialize_grads(False)
        ctx.dtypes = [one.dtype for one in tensors]
        results = [torch.empty_like(one, dtype=dtype) for one in tensors]
        torch._foreach_copy_(results, list(tensors))
        return tuple(results)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *gradients: Tensor | None) -> tuple[Tensor | None, ...]:
        known = [number for number, one in enumerate(gradients) if one is not None]
        given = [one for one in gradients if one is not None]
        made = [torch.empty_like(one, dtype=ctx.dtypes[number]) for number, one in zip(known, given, strict=True)]
        if made:
            torch._foreach_copy_(made, given)
        by_number = dict(zip(known, made, strict=True))
        return None, *(by_number.get(number) for number in range(len(gradients)))


def is_plain(layer: nn.Module) -> bool:
    """Whether a layer is a `Linear` whose call nothing waits for, so that its weights, adapted or not, are enough."""
    return type(layer).forward is Linear.forward and not (layer._forward_hooks or layer._forward_pre_hooks)


def in_precision_of(like: Tensor, layer: Linear | LayerNorm | Convolution) -> tuple[Tensor, Tensor]:
    """Weight and bias of a layer in the precision of its input; the bias is None where the layer has none."""
    weight = layer.weight  # once: of an adapter it is computed
    parameters = [weight, layer.bias]
    if weight.dtype != like.dtype:
        parameters = [
            None
            if one is None
            else layer.derived((number, like.dtype), lambda parameter: parameter.to(like.dtype), one)
            for number, one in enumerate(parameters)
        ]
    return cast("tuple[Tensor, Tensor]", tuple(parameters))


def is_recorded() -> bool:
    """Whether operations are being recorded for another program: nothing is kept then."""
    return torch.jit.is_tracing() or torch.compiler.is_compiling()


def is_compiled() -> bool:
    """Whether `torch.compile` records them, for this device and perhaps for their gradients."""
    return torch.compiler.is_dynamo_compiling() and not torch.compiler.is_exporting()


def is_planned(tensor: Tensor) -> bool:
    """Whether the order of the operations is left to the compiler, or to a GPU, on which each is better done at once.

    On a CPU they go through in parts that stay in its cache.
    """
    return is_compiled() or not (tensor.is_cpu or is_recorded())
