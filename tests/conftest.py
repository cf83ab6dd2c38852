"""Settings of every test: float64, no silent broadcasting between ranks, a kept compile cache."""

import contextlib
import os
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

_CACHE = Path(__file__).resolve().parent.parent / ".cache"

# Set before JAX is loaded, so that subprocesses started by tests inherit them too. The folder is
# ignored by git; delete it at will.
os.environ.setdefault("JAX_COMPILATION_CACHE_DIR", str(_CACHE / "jax"))
os.environ.setdefault("JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS", "0.1")
os.environ.setdefault("NUJAX_CACHE_DIR", str(_CACHE / "nujax"))

import jax  # noqa: E402

jax.config.update("jax_enable_x64", True)
jax.config.update("jax_numpy_rank_promotion", "raise")


@pytest.fixture
def nujax(monkeypatch, capsys):
    """Runs `nujax ...` in this process; gives its exit code, stdout and stderr."""

    def run(*arguments):
        from nujax.cli import main

        monkeypatch.setattr(sys, "argv", ["nujax", *arguments])
        with pytest.raises(SystemExit) as stop:
            main()
        printed = capsys.readouterr()
        return SimpleNamespace(code=stop.value.code or 0, stdout=printed.out, stderr=printed.err)

    return run


# A Linux process may hold 65530 memory mappings (vm.max_map_count); each compiled function takes
# several, and a compiler that gets none ends the process. Some test files make more than ten
# thousand.
_MAPPINGS = Path("/proc/self/maps")
_MANY_MAPPINGS = 15_000


@pytest.fixture(autouse=True, scope="module")
def _forget_compiled_functions():
    """After a test file: frees what was compiled, once there is much of it."""
    yield
    with contextlib.suppress(OSError):
        if len(_MAPPINGS.read_bytes().splitlines()) > _MANY_MAPPINGS:
            jax.clear_caches()
