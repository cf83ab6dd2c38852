"""Settings of JAX for one command: double precision, and a compilation cache kept between runs."""

import hashlib
import os
import tempfile
from pathlib import Path


def cache_folder() -> Path:
    """The folder of the user's cache: `NUJAX_CACHE_DIR`, else nujax/ in the XDG cache folder."""
    own = os.environ.get("NUJAX_CACHE_DIR")
    if own:
        return Path(own).expanduser()
    base = os.environ.get("XDG_CACHE_HOME")
    return (Path(base).expanduser() if base else Path.home() / ".cache") / "nujax"


def prepare_jax() -> None:
    """Loads JAX, turns on float64 and the persistent compilation cache.

    A cache folder that cannot be written only costs the time to compile again, so it is skipped
    in silence. A cache that the user has configured for JAX itself is left as it is.
    """
    import jax

    jax.config.update("jax_enable_x64", True)
    if getattr(jax.config, "jax_compilation_cache_dir", None):
        return
    try:
        folder = cache_folder() / "jax" / _processor()
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except (OSError, RuntimeError):  # RuntimeError: no home folder
        return
    jax.config.update("jax_compilation_cache_dir", str(folder))
    jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.0)


def _processor() -> str:
    """A short name of the processor.

    Compiled code may use every instruction of the processor it was compiled on, and home folders
    are shared between the machines of a cluster, so that each kind needs a folder of its own.
    """
    import platform

    description = platform.machine() + platform.processor()
    try:
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith(("model name", "flags", "Features")):
                description += line
            elif not line:  # the first processor is enough
                break
    except OSError:
        pass
    return hashlib.sha256(description.encode()).hexdigest()[:12]
