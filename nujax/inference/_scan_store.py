r"""The store of a scan: a Zarr (v3) group on a file system, which alone knows what is done.

    out.zarr/                  one array a quantity, one Zarr chunk a chunk of the scan, each with
                               its CRC-32C, so that every reader of Zarr refuses a damaged one
    out.zarr/scan/done/7.json  chunk 7 is finished: length and checksum of its files, and how many
                               points have which status; written last, by renaming
    out.zarr/scan/lock         held by the process that hands out chunks; the operating system lets
                               go of it when that process ends, however it ends
    out.zarr/scan/where/…      versions and device of those who computed

A chunk without its file in done/ counts as not computed. Chunks are deterministic and each file is
renamed into place, so that even two writers of the same chunk write the same bytes.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import shutil
import tempfile
import warnings
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from .. import __version__
from .._files import write_whole
from ._scan_layout import Column

_FORMAT = 1
_DIGITS = 8
_SPARE = 1.05  # disk space wanted, of what is needed without compression


class StoreError(ValueError):
    """A store that cannot be used for what was asked; the message says why."""


@dataclass(frozen=True)
class Mark:
    """A finished chunk: how many of its points have which status code, and where it was made."""

    chunk: int
    points: int
    statuses: dict[str, int]
    where: str
    files: dict[str, list[int]] = field(repr=False)

    @property
    def flagged(self) -> int:
        """Points with a status other than ok."""
        return self.points - self.statuses.get("ok", 0)


@dataclass(frozen=True)
class Survey:
    """What is in a store: finished chunks, and those that claim to be and are damaged."""

    chunks: int
    points: int
    done: dict[int, Mark]
    damaged: dict[int, str]

    @property
    def complete(self) -> bool:
        """Every chunk is finished and sound."""
        return len(self.done) == self.chunks

    @property
    def statuses(self) -> dict[str, int]:
        """Number of points by status, of the finished chunks."""
        total: dict[str, int] = {}
        for mark in self.done.values():
            for name, count in mark.statuses.items():
                total[name] = total.get(name, 0) + count
        return total


def needs_zarr() -> Any:
    """The module zarr; raises `ImportError` that says how to get it."""
    try:
        import zarr
    except ImportError:
        raise ImportError("A scan needs zarr: pip install 'nujax[scan]'.") from None
    return zarr


class Store:
    """An existing store. Any number of threads and processes may `write` different chunks."""

    def __init__(self, path: Path | str):
        zarr = needs_zarr()
        self.path = Path(path).absolute()
        if not (self.path / "zarr.json").is_file() or not (self.path / "scan").is_dir():
            raise StoreError(f"Argument `store` must be the store of a scan, but {path} is none.")
        self._group = zarr.open_group(str(self.path), mode="r+", zarr_format=3)
        attributes = dict(self._group.attrs)
        if attributes.get("nujax_scan_format") != _FORMAT:
            raise StoreError(f"Argument `store` must be the store of a scan, but {path} is none.")
        self.configuration = json.loads(str(attributes["configuration"]))
        self.points, self.block, self.chunk = (
            int(attributes[name])  # type: ignore[arg-type]
            for name in ("points", "block", "chunk")
        )
        self.allowed_flagged = float(attributes["allowed_flagged"])  # type: ignore[arg-type]
        self.shape = tuple(attributes["shape"])  # type: ignore[arg-type]
        self.axes = tuple(attributes["axes"])  # type: ignore[arg-type]
        self._names = tuple(attributes["columns"])  # type: ignore[arg-type]
        self._arrays: dict[str, Any] = {}

    @property
    def chunks(self) -> int:
        """Number of chunks."""
        return -(-self.points // self.chunk)

    # --- writing --------------------------------------------------------------------------------

    def write(
        self, chunk: int, data: Mapping[str, np.ndarray], statuses: Mapping[str, int], where: dict
    ) -> Mark:
        """Write the region of one chunk, let it reach the disk, then mark it done.

        Raises `OSError` where the disk is full or not to be written; the chunk is not marked then.
        """
        first, last = chunk * self.chunk, min((chunk + 1) * self.chunk, self.points)
        self._mark_path(chunk).unlink(missing_ok=True)
        files = {}
        for name in self._names:
            array = self._array(name)
            array[first:last] = np.asarray(data[name], dtype=array.dtype)
            path = self._region(name, chunk, array.ndim)
            files[str(path.relative_to(self.path))] = list(_to_disk(path))
        mark = Mark(chunk, last - first, dict(statuses), self._whereabouts(where), files)
        fields = {name: getattr(mark, name) for name in Mark.__dataclass_fields__}
        write_whole(self._mark_path(chunk), json.dumps(fields, sort_keys=True))
        _folder_to_disk(self._mark_path(chunk).parent)
        return mark

    @contextlib.contextmanager
    def locked(self) -> Iterator[None]:
        """Hold the store alone. Raises `StoreError` while another process does."""
        try:
            import filelock
        except ImportError:
            raise ImportError("A scan needs filelock: pip install 'nujax[scan]'.") from None

        lock = filelock.FileLock(str(self.path / "scan" / "lock"), timeout=0)
        try:
            lock.acquire()
        except filelock.Timeout:
            raise StoreError(
                f"Another process is writing to {self.path}. Wait for it, or stop it first."
            ) from None
        except OSError as error:
            raise StoreError(
                f"Argument `store` must be writable, but {self.path} is not ({error.strerror})."
            ) from None
        try:
            self._sweep()
            yield
        finally:
            lock.release()

    def _sweep(self) -> None:
        """Remove what a killed writer has left half written."""
        for pattern in ("**/*.partial", "scan/**/.*.tmp"):
            for path in self.path.glob(pattern):
                path.unlink(missing_ok=True)

    def forget(self, chunks: Mapping[int, str]) -> None:
        """Take back the marks of damaged chunks, so that they are computed again."""
        for chunk in chunks:
            self._mark_path(chunk).unlink(missing_ok=True)

    def _array(self, name: str):
        if name not in self._arrays:
            self._arrays[name] = self._group[name]
        return self._arrays[name]

    def _region(self, name: str, chunk: int, ndim: int) -> Path:
        return self.path / name / "c" / "/".join([str(chunk), *["0"] * (ndim - 1)])

    def _mark_path(self, chunk: int) -> Path:
        return self.path / "scan" / "done" / f"{chunk:0{_DIGITS}d}.json"

    def _whereabouts(self, where: dict) -> str:
        text = json.dumps(where, sort_keys=True, indent=1)
        name = hashlib.sha256(text.encode()).hexdigest()[:12]
        path = self.path / "scan" / "where" / f"{name}.json"
        if not path.exists():
            write_whole(path, text)
        return name

    # --- reading --------------------------------------------------------------------------------

    def survey(self) -> Survey:
        """Read every finished chunk's files and compare them with their checksums."""
        done, damaged = {}, {}
        for path in sorted((self.path / "scan" / "done").glob("*.json")):
            chunk = int(path.stem) if path.stem.isdecimal() else -1
            if not 0 <= chunk < self.chunks:
                continue
            try:
                mark = Mark(**json.loads(path.read_text(encoding="utf-8")))
                why = self._damage(mark)
            except (OSError, ValueError, TypeError):
                why, mark = "its mark cannot be read", None
            if why is None and mark is not None:
                done[chunk] = mark
            else:
                damaged[chunk] = str(why)
        return Survey(self.chunks, self.points, done, damaged)

    def _damage(self, mark: Mark) -> str | None:
        expected = {
            str(self._region(name, mark.chunk, self._array(name).ndim).relative_to(self.path))
            for name in self._names
        }
        if set(mark.files) != expected:
            return "its mark is of other files"
        for name, (size, checksum) in mark.files.items():
            try:
                content = (self.path / name).read_bytes()
            except OSError:
                return f"{name} cannot be read"
            if len(content) != size or zlib.crc32(content) != checksum:
                return f"{name} has changed since it was written"
        return None

    def whereabouts(self) -> dict[str, dict]:
        """Versions and device of all that wrote, by the name that marks use."""
        return {
            path.stem: json.loads(path.read_text(encoding="utf-8"))
            for path in sorted((self.path / "scan" / "where").glob("*.json"))
        }


def create_store(path: Path | str, plan: Any, columns: list[Column], where: dict) -> Store:
    """A new store with all its arrays and nothing in them, made whole or not at all.

    Raises `StoreError` if there is something at `path` already, or too little room, and `OSError`
    where the folder cannot be written.
    """
    zarr = needs_zarr()
    from zarr.codecs import Crc32cCodec, ZstdCodec

    path = Path(path).absolute()
    if path.exists():
        raise StoreError(f"Argument `store` must not exist yet, but {path} does.")
    _check_room(path, plan, columns)
    temporary = Path(tempfile.mkdtemp(dir=path.parent, prefix=f".{path.name}.", suffix=".new"))
    try:
        attributes = {
            "title": "Scan of sterile-neutrino dark matter",
            "source": f"nujax {__version__}",
            "nujax_scan_format": _FORMAT,
            "configuration": json.dumps(plan.configuration),
            "environment": json.dumps(where),
            "allowed_flagged": plan.allowed_flagged,
            "sampling": plan.sampling,
            "points": plan.points,
            "block": plan.block,
            "chunk": plan.chunk,
            "shape": list(plan.shape),
            "axes": list(plan.names),
            "columns": [column.name for column in columns if column.values is None],
        }
        group = zarr.open_group(str(temporary), mode="w", zarr_format=3, attributes=attributes)
        for column in columns:
            shape = column.shape if column.dims[:1] != ("point",) else (plan.points, *column.shape)
            chunks = tuple(max(1, n) for n in shape)
            if column.values is None:
                chunks = (plan.chunk, *chunks[1:])
            array = group.create_array(
                column.name, shape=shape, chunks=chunks, dtype=column.dtype,
                fill_value=column.fill, dimension_names=column.dims,
                attributes=dict(column.attributes),
                compressors=[ZstdCodec(level=1), Crc32cCodec()],
                config={"write_empty_chunks": True},
            )  # fmt: skip
            if column.values is not None:
                array[...] = column.values
        scan = group.create_group("scan")
        scan.attrs["about"] = "marks of finished chunks; see nujax.inference.scan"
        with warnings.catch_warnings():
            # Zarr's reservation about version 3; without it xarray reads every folder.
            warnings.simplefilter("ignore")
            zarr.consolidate_metadata(str(temporary))
        for folder in ("done", "where"):
            (temporary / "scan" / folder).mkdir()
        os.chmod(temporary, 0o777 & ~_mask())
        try:
            os.rename(temporary, path)
        except OSError as error:
            raise StoreError(
                f"Argument `store` must not exist yet, but {path} does ({error.strerror})."
            ) from None
    except BaseException:
        shutil.rmtree(temporary, ignore_errors=True)
        raise
    return Store(path)


def _check_room(path: Path, plan: Any, columns: list[Column]) -> None:
    """Raise `StoreError` where the folder is missing, read-only, or too full."""
    folder = path.parent
    if not folder.is_dir():
        raise StoreError(f"Argument `store` must lie in an existing folder, but {folder} is none.")
    if not os.access(folder, os.W_OK):
        raise StoreError(f"Argument `store` must lie in a folder that can be written, not {path}.")
    each = sum(
        np.dtype(column.dtype).itemsize * int(np.prod(column.shape, dtype=float))
        for column in columns
        if column.values is None
    )
    needed, free = _SPARE * each * plan.points, shutil.disk_usage(folder).free
    if needed > free:
        raise StoreError(
            f"Argument `store` must have room for {needed / 1e9:.3g} GB, "
            f"but {folder} has {free / 1e9:.3g} GB left."
        )


def _to_disk(path: Path) -> tuple[int, int]:
    """Length and checksum of a file, once it and its name are on the disk."""
    with open(path, "rb") as file:
        content = file.read()
        os.fsync(file.fileno())
    _folder_to_disk(path.parent)
    return len(content), zlib.crc32(content)


def _folder_to_disk(folder: Path) -> None:
    if os.name == "nt":
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _mask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
