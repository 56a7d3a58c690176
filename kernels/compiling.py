"""How kernels are compiled: numba's own compiler, without the work that is done more than once.

As numba comes, every small function is optimised and turned into machine code by itself, and again in each function that calls
it; it is typed anew for every constant it is given; and the compiler's settings are compared number by number some 85,000 times.
Here a small function is only lowered, and optimised once, inside the kernel that needs it. What comes out runs as fast.

Uses parts of numba that are not its public face: `jit` falls back to plain numba for versions that were not tried.
"""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from numba.core import types
from numba.core.codegen import JITCodeLibrary
from numba.core.compiler import Compiler, Flags
from numba.core.registry import CPUDispatcher

#: Passes for what kernels do not hold: closures, comprehensions, expressions over whole arrays.
_PASSES_LEFT_OUT = {"InlineClosureLikes", "NopythonRewrites", "IRLegalization"}


class _NoEnvironments:
    """Stands for the code generator where numba would tell compiled code its Python environment: there is no code yet."""

    @staticmethod
    def set_env(name: str, environment: object) -> None:
        """Nothing to tell."""


class _LoweredLibrary(JITCodeLibrary):
    """Code of a small function as it was lowered: never optimised, never run, only linked into kernels."""

    codegen = _NoEnvironments

    def add_llvm_module(self, ll_module: Any) -> None:
        """Take lowered code as it is."""
        ll_module.data_layout = self._codegen._data_layout
        self._final_module.link_in(ll_module)

    def finalize(self) -> None:
        """Nothing to link here: the kernel links what this function calls."""
        self._finalized = True

    def get_pointer_to_function(self, name: str) -> int:
        """0: no machine code."""
        return 0


class _KernelLibrary(JITCodeLibrary):
    """Code of a kernel with all small functions that it calls, directly or not."""

    _linking_libraries: Any

    def finalize(self) -> None:
        """Link, optimise, compile."""
        self._linking_libraries = list(_with_callees(self._linking_libraries))
        super().finalize()

    def _optimize_final_module(self) -> None:
        # Nobody else calls the linked functions: what is inlined everywhere can go, and unused arguments too.
        for function in self._final_module.functions:
            if not function.is_declaration and function.linkage.name == "linkonce_odr":
                function.linkage = "internal"
        super()._optimize_final_module()


def _with_callees(libraries: list[Any]) -> Iterator[Any]:
    """The libraries and those that lowered ones among them call, each once."""
    seen: set[int] = set()
    pending = list(libraries)
    while pending:
        library = pending.pop()
        if id(library) in seen:
            continue
        seen.add(id(library))
        yield library
        if isinstance(library, _LoweredLibrary):
            pending += library._linking_libraries


class _SharedFlags(Flags):
    """Compiler settings that are equal only when they are the same object: numba looks functions up by them all the time."""

    __slots__ = ()

    def copy(self) -> _SharedFlags:
        """Itself: nothing changes them any more."""
        return self

    def __hash__(self) -> int:
        return id(self)

    def __eq__(self, other: object) -> bool:
        return self is other


@contextmanager
def _without_garbage_collection() -> Iterator[None]:
    """The compiler makes millions of objects that live; looking for dead ones among them costs a seventh of its time."""
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()


class _KernelCompiler(Compiler):
    """Compiles kernels."""

    library_class: type[JITCodeLibrary] = _KernelLibrary
    _flags: dict[str, _SharedFlags] = {}

    def compile_extra(self, func: Callable[..., Any]) -> Any:
        """Compile `func` for the types given at construction."""
        flags = self.state.flags
        self.state.flags = self._flags.setdefault(repr(flags), _SharedFlags(flags))
        self.state.library = self.library_class(self.state.targetctx.codegen(), func.__qualname__)
        self.state.library.enable_object_caching()
        with _without_garbage_collection():
            return super().compile_extra(func)

    def define_pipelines(self) -> list[Any]:
        """numba's passes but for `_PASSES_LEFT_OUT`."""
        pipelines = super().define_pipelines()
        for pipeline in pipelines:
            pipeline.passes = [step for step in pipeline.passes if step[0].__name__ not in _PASSES_LEFT_OUT]
        return pipelines


class _LoweringCompiler(_KernelCompiler):
    """Compiles small functions, up to their lowered code."""

    library_class = _LoweredLibrary


def _widened(argument: types.Type) -> types.Type:
    argument = types.unliteral(argument)
    return types.int64 if isinstance(argument, types.Integer) and argument.signed else argument


class _KernelDispatcher(CPUDispatcher):
    """One version of a function for whole numbers of any size, constants among them, not one for each kind and constant."""

    def get_call_template(self, args: tuple[Any, ...], kws: dict[str, Any]) -> Any:
        """As numba asks for it when a kernel calls this function."""
        return super().get_call_template(tuple(map(_widened, args)), kws)


def kernel_decorator(*, is_entry: bool, cache: bool, **options: Any) -> Callable[[Callable[..., Any]], Any]:
    """A decorator like `numba.njit(**options)`. is_entry: callable from Python, not only from kernels."""
    compiler = _KernelCompiler if is_entry else _LoweringCompiler

    def decorate(function: Callable[..., Any]) -> Any:
        dispatcher = _KernelDispatcher(function, targetoptions={"nopython": True, **options}, pipeline_class=compiler)
        if cache:
            dispatcher.enable_caching()
        return dispatcher

    return decorate
