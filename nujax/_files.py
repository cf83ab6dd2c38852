"""Files that are written whole or not at all. Knows nothing of JAX."""

import contextlib
import os
import stat
import tempfile
from pathlib import Path


def write_whole(path: Path, text: str) -> None:
    """Writes a whole file or nothing: a reader never meets half of it.

    A link is followed; a pipe or a device is written to directly.
    """
    path = path.resolve()
    if is_special(path):
        path.write_text(text, encoding="utf-8")
        return
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.", suffix=".tmp")
    try:
        with os.fdopen(handle, "w", encoding="utf-8", newline="") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        os.chmod(temporary, _permissions(path))
        os.replace(temporary, path)
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(temporary)
        raise


def is_special(path: Path) -> bool:
    """A pipe or a device."""
    return path.exists() and not path.is_file()


def _permissions(path: Path) -> int:
    """Those of the file that is replaced, else those of any new file of this user."""
    if path.exists():
        return stat.S_IMODE(path.stat().st_mode)
    mask = os.umask(0)
    os.umask(mask)
    return 0o666 & ~mask
