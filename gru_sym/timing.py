"""Code made ready to run on a device; listened to, compared, and timed in turn.

What is timed together is timed in turn, so that drift is fair, and in blocks that are made anew.
"""

from __future__ import annotations

import itertools
import random
import time
import warnings
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode

from gru_sym.codegen.routine import generate
from gru_sym.lookup import cell
from gru_sym.records import KINDS, SIZES, Blocks, Row

MAKERS = {"_cudnn_rnn": "cuDNN", "mkldnn_rnn_layer": "oneDNN"}
"""The operations that hand a whole layer to another library, as PyTorch 2 names them."""

FORWARD, BOTH = "forward", "forward and backward"
"""The work: for inference, or with the gradients of every parameter and of the input."""

Function = Callable[[], Any]
Shape = tuple[int, int, int, int]  # steps, batch, input size, hidden size


class Plan(NamedTuple):
    """What is measured, and how often: every time is taken `rounds` times in each of `blocks`."""

    device: str
    counted: tuple[tuple[int, int], ...] = ((1, 1), (5, 7))
    compared: tuple[Shape, ...] = ((3, 2, 4, 7), (6, 4, 16, 16))
    timed: tuple[Shape, ...] = ((3, 2, 4, 5),)
    blocks: int = 2
    rounds: int = 2


class Run(NamedTuple):
    """A function of x and first states, what it has gradients for, and x, cotangent, states."""

    function: Callable[..., Tensor]
    leaves: Mapping[str, Tensor]
    inputs: Mapping[str, Tensor]

    def forward(self) -> Tensor:
        """The outputs, for inference."""
        x, _, *states = self.inputs.values()
        with torch.no_grad():
            return self.function(x, *states)

    def both(self) -> dict[str, Tensor]:
        """The outputs, and by their names the gradients of every leaf and of x."""
        x, cotangent, *states = self.inputs.values()
        wanted = {**self.leaves, "x": x.detach().requires_grad_()}
        outputs = self.function(wanted["x"], *states)
        found = torch.autograd.grad(outputs, [*wanted.values()], cotangent)
        return {"outputs": outputs.detach(), **dict(zip(wanted, found, strict=True))}


def inputs_of(kind: str, shape: Shape, device: str, dtype: torch.dtype) -> dict[str, Tensor]:
    """x, the cotangent of the outputs, and first states; normal, and the same at every call."""
    draw, states = torch.Generator(device).manual_seed(1), cell(KINDS[kind].cell).states
    steps, batch, m, n = shape
    sizes: dict[str, tuple[int, ...]] = {"x": (steps, batch, m), "cotangent": (steps, batch, n)}
    sizes |= dict.fromkeys(states, (batch, n))
    options: dict[str, Any] = {"generator": draw, "dtype": dtype, "device": device}
    return {name: torch.randn(size, **options) for name, size in sizes.items()}


def generated(name: str, parameters: Mapping[str, Tensor], inputs: Mapping[str, Tensor]) -> Run:
    """The code generated for a cell of the catalogue, with parameters of its own."""
    sequence = generate(cell(name), "torch").sequence
    leaves = {key: tensor.detach().clone().requires_grad_() for key, tensor in parameters.items()}
    return Run(lambda x, *states: sequence(leaves, x, *states)[0], leaves, inputs)


def largest_error(
    found: Mapping[str, Tensor], reference: Mapping[str, Tensor], names: Iterable[str]
) -> float:
    """The largest error of a tensor over its largest number, of the worst tensor."""
    pairs = [(found[name].double(), reference[name].double()) for name in names]
    every = [(one - other).abs().max() / other.abs().max() for one, other in pairs]
    return torch.stack(every).max().item()  # unlike Python's max, it never loses a NaN


class _Listener(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Notes what computes; a view of a tensor computes nothing."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.heard: Counter[str] = Counter()

    def __torch_dispatch__(
        self, function: Any, types: Any, args: Any = (), kwargs: Any = None
    ) -> Any:
        if not function.is_view:
            self.heard[function.overloadpacket.__name__] += 1
        return function(*args, **(kwargs or {}))


def started(function: Function) -> Counter[str]:
    """The operations of PyTorch's core that a call starts, without those that only make views.

    >>> x = torch.ones(3, 4)
    >>> sorted(started(lambda: torch.tanh(x.T[0] + 1)).items())
    [('add', 1), ('tanh', 1)]
    """
    listener = _Listener()
    with listener:
        function()
    return listener.heard


def maker(function: Function) -> str:
    """Who computes a layer: "cuDNN", "oneDNN", or else "PyTorch"; heard, and not assumed.

    >>> maker(lambda: torch.nn.GRU(4, 5)(torch.ones(3, 2, 4)))
    'PyTorch'
    """
    names = started(function)
    return next((maker for name, maker in MAKERS.items() if name in names), "PyTorch")


@contextmanager
def arithmetic(*, tf32: bool) -> Iterator[None]:
    """Run the block with or without TF32; sums of float16 and bfloat16 are kept in float32.

    >>> with arithmetic(tf32=True):
    ...     torch.backends.cuda.matmul.allow_tf32, torch.backends.cudnn.allow_tf32
    (True, True)
    """
    products: Any = torch.backends.cuda.matmul
    switches = {(torch.backends.cudnn, "allow_tf32"): tf32, (products, "allow_tf32"): tf32}
    switches |= {
        (products, f"allow_{t}_reduced_precision_reduction"): False for t in ("fp16", "bf16")
    }
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # some versions of torch advise other names for TF32
        before = {switch: getattr(*switch) for switch in switches}
        try:
            for switch, value in switches.items():
                setattr(*switch, value)
            yield
        finally:
            for switch, value in before.items():
                setattr(*switch, value)


def take_turns(
    make: Callable[[], Mapping[str, Function]], device: str, blocks: int, rounds: int
) -> dict[str, Blocks]:
    """The times of each function in microseconds, in an order that is drawn anew in each round.

    >>> times = take_turns(lambda: {"a": lambda: None, "b": lambda: None}, "cpu", 2, 3)
    >>> [[len(block) for block in times[name]] for name in "ab"]
    [[3, 3], [3, 3]]

    Where an array lies in memory can matter by some per cent. So each block makes its functions
    anew, while those before are kept. Before its clock starts each runs twice, and on a GPU for so
    long that the device's own clock has time to rise.
    """
    times: dict[str, Blocks] = {}
    order, kept = random.Random(2), []  # noqa: S311  # no secret
    for block in range(blocks):
        kept.append(functions := make())
        begin, warm, seconds = time.monotonic(), 0, 0.05 if block else 0.3
        while warm < 2 or (device == "cuda" and time.monotonic() - begin < seconds):
            for function in functions.values():
                microseconds(function, device)
            warm += 1
        for name in functions:
            times.setdefault(name, []).append([])
        for _ in range(rounds):
            for name in order.sample(list(functions), len(functions)):
                times[name][-1].append(round(microseconds(functions[name], device), 2))
    return times


def microseconds(function: Function, device: str) -> float:
    """One call, from an idle device to the end of its work."""
    if device == "cpu":
        begin = time.perf_counter()
        function()
        return (time.perf_counter() - begin) * 1e6
    event: Any = torch.cuda.Event
    start, end = event(enable_timing=True), event(enable_timing=True)
    torch.cuda.synchronize()
    start.record()
    function()
    end.record()
    end.synchronize()
    return float(start.elapsed_time(end)) * 1e3


def captured(function: Callable[[], Tensor]) -> Function:
    """The kernels that a function launches, as one CUDA graph: its launch, without the Python.

    Raises `ValueError` if the graph gives another result than the function. The stream is the same
    afterwards, also if the capture fails.
    """
    with torch.cuda.stream(torch.cuda.current_stream()):
        stream: Any = torch.cuda.Stream()  # type: ignore[no-untyped-call]
        stream.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(stream):  # as PyTorch asks: what initialises lazily does so here
            for _ in range(3):
                expected = function()
        torch.cuda.current_stream().wait_stream(stream)
        graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(graph):
            result = function()
        graph.replay()
        torch.cuda.synchronize()
    if not (result - expected).abs().max() <= 1e-2 * expected.abs().max():  # NaN included
        raise ValueError("the CUDA graph gives another result than the code it was made of")

    def replay(keep: Callable[[], Tensor] = function) -> None:
        graph.replay()  # it reads the memory of what the function holds, which is kept for that

    return replay


def in_turn(plan: Plan, of: str, make: Any, works: Iterable[str]) -> Iterator[Row]:
    """Rows of times: `make(shape, work)` gives what is timed, by its name."""
    for work, shape in itertools.product(works, plan.timed):
        with arithmetic(tf32=False):
            opened = partial(make, shape, work)
            found = take_turns(opened, plan.device, plan.blocks, plan.rounds)
        about = {"of": of, "work": work, SIZES: sizes_text(shape)}
        yield from ({**about, "name": name, "times_us": times} for name, times in found.items())


def sizes_text(shape: Shape) -> str:
    """How a row names the sizes."""
    return ", ".join(map(str, shape))
