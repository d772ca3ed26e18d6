"""Compiled code made to measure: an entry point compiled once more for one scenario and protocol.

The engine is one for all of them, and asks its context in every tick how many agents there are, and whether there are
locks. Here LLVM's code of an entry point, as it was optimised for all, is taken again with what the context says
written into it, so that loops have known ends and what a protocol does not do is left out. Loads of the context's
fields are known by their marks, see `memory`. Nothing else changes: the code does what it did.
"""

from __future__ import annotations

import hashlib
import os
import re
import struct
import threading
import warnings
from contextlib import suppress
from pathlib import Path
from typing import Any

import llvmlite  # type: ignore[import-untyped]
import llvmlite.binding as llvm  # type: ignore[import-untyped]
import numba
import numpy as np
from numpy.typing import NDArray

from .binding import CONTEXT, SWITCHES
from .jit import address_of, code_of, source_stamp
from .memory import NUMBERS, places_of

_ENTRY = "stalegrid_entry"
_made: dict[str, tuple[int, Any]] = {}  # by digest: the address of an entry point, and what keeps its code in memory

_SCALAR = re.compile(r'^!(\d+) = !\{!"(\w+\.\w+)", !\d+, i64 0\}', re.MULTILINE)
_MARK = re.compile(r"^!(\d+) = !\{!(\d+), !\2, i64 0\}", re.MULTILINE)
_LOAD = re.compile(r"(%\S+) = load (i64|double), ptr %\S+, align 8, !tbaa !(\d+)[^\n]*")


def tailored(function: Any, context: NDArray[Any]) -> int:
    """Return the address of an entry point of `NUMBERS` int64, compiled for contexts with the switches of this one.

    That takes some seconds, once: the code is kept beside numba's, in its cache. Where LLVM is too old for it, the
    address is that of the code for all, with a warning.
    """
    if not hasattr(llvm, "create_pass_builder"):
        warnings.warn(f"llvmlite {llvmlite.__version__} cannot tailor: update numba; going on without", stacklevel=2)
        return address_of(function, NUMBERS)
    switches = {name: context[0][name] for name in SWITCHES}
    target = llvm.get_host_cpu_name(), llvm.get_host_cpu_features().flatten()
    versions = (numba.__version__, llvmlite.__version__, llvm.get_default_triple())
    told = (source_stamp(), function.__qualname__, *versions, *target, repr(switches))
    digest = hashlib.sha256("\n".join(told).encode()).hexdigest()
    if digest not in _made:
        kept = Path(function._cache.cache_path) / f"{_of_these_sources()}-{digest[:32]}.o"
        machine_code = _read(kept)
        if machine_code is None:
            code, entry = code_of(function, NUMBERS)
            machine_code = _machine(*target).emit_object(_module(fixed(code, switches), entry, _machine(*target)))
            _write(kept, machine_code)
        function.targetctx.refresh()  # makes numba's own functions known: if one is missing, LLVM binds none at all
        engine = llvm.create_mcjit_compiler(llvm.parse_assembly(""), _machine(*target))
        engine.add_object_file(llvm.ObjectFileRef.from_data(machine_code))
        engine.finalize_object()
        _made.setdefault(digest, (engine.get_function_address(_ENTRY), engine))  # another thread may have been first
    return _made[digest][0]


def fixed(code: str, switches: dict[str, Any]) -> str:
    """Write the switches of a context into code, wherever it loads them."""
    places = places_of(CONTEXT)
    scalars = {number: places[place] for number, place in _SCALAR.findall(code) if place in places}
    marks = {number: scalars[scalar] for number, scalar in _MARK.findall(code) if scalar in scalars}

    def known(load: re.Match[str]) -> str:
        result, kind, mark = load.groups()
        if marks.get(mark) not in switches:
            return load[0]
        value = switches[marks[mark]]
        bits = struct.unpack("<q", np.asarray(value).tobytes())[0]
        return f"{result} = bitcast i64 {bits} to double" if kind == "double" else f"{result} = add i64 {bits}, 0"

    return _LOAD.sub(known, code)


def _machine(cpu: str, features: str) -> Any:
    target = llvm.Target.from_default_triple()
    return target.create_target_machine(cpu=cpu, features=features, opt=3, jit=True)


def _module(code: str, entry: str, machine: Any) -> Any:
    module = llvm.parse_assembly(code)
    for function in module.functions:
        if not function.is_declaration:
            function.linkage = "external" if function.name == entry else "internal"
    module.get_function(entry).name = _ENTRY
    options = llvm.create_pipeline_tuning_options(speed_level=3)
    options.loop_vectorization = options.slp_vectorization = False  # as for all, see `jit`
    passes = llvm.create_pass_builder(machine, options)
    passes.getModulePassManager().run(module, passes)
    return module


def _of_these_sources() -> str:
    return f"tailored-{source_stamp()[:16]}"


def _read(kept: Path) -> bytes | None:
    """Return machine code that was kept, if it is whole."""
    try:
        told = kept.read_bytes()
    except OSError:
        return None
    sum_of_it, machine_code = told[:32], told[32:]
    return machine_code if hashlib.sha256(machine_code).digest() == sum_of_it else None


def _write(kept: Path, machine_code: bytes) -> None:
    """Keep machine code, whole or not at all, in the place of what other sources made.

    Where nothing can be written, it is made anew next time.
    """
    part = kept.with_name(f"{kept.name}.{os.getpid()}.{threading.get_ident()}.part")
    try:
        kept.parent.mkdir(parents=True, exist_ok=True)
        part.write_bytes(hashlib.sha256(machine_code).digest() + machine_code)
        os.replace(part, kept)
        for old in set(kept.parent.glob("tailored-*.o")) - set(kept.parent.glob(f"{_of_these_sources()}-*.o")):
            old.unlink(missing_ok=True)  # of other sources: nobody asks for it any more
    except OSError:
        with suppress(OSError):
            part.unlink(missing_ok=True)
