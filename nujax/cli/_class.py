"""`nujax spectrum --class-output`: the files for CLASS."""

import os
from pathlib import Path
from typing import Any

from ._inputs import BadInput, Inputs
from ._report import message


def check_folder(path: Path) -> None:
    """Checks before any work that the folder can be written to or made. Raises `BadInput`."""
    there = path.resolve()
    if there.exists() and not there.is_dir():
        raise BadInput(f"Argument `class-output` must be a folder, but {path} is a file.")
    while not there.exists():
        there = there.parent
    if not (there.is_dir() and os.access(there, os.W_OK)):
        raise BadInput(
            f"Argument `class-output` must be a folder that you may write to, but is {path}."
        )


def write(inputs: Inputs, result: Any, folder: Path) -> dict[str, Any]:
    """Writes the files and says so; what to add to the report.

    Raises `BadInput` if there is more than all dark matter.
    """
    from nujax.export import write_class

    from ._compute import theory

    try:
        files = write_class(theory(inputs)[0], result, folder)
    except ValueError as error:
        raise BadInput(str(error)) from error
    message(f"wrote {files.ini} and {files.psd.name}: run `class {files.ini}`.")
    return {"class": {"ini": str(files.ini), "psd": str(files.psd), "parameters": files.parameters}}
