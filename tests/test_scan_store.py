"""The store of a scan survives everything: kills, full disks, second writers, damaged files."""

import errno
import json
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import toy
import xarray as xr

import nujax as nj
from nujax.inference import LocalEngine, StoreError, scan_status
from nujax.inference import _scan_store as store_module

_TESTS = Path(__file__).resolve().parent


def toy_scan(points=200, **changes):
    """A quick scan with more than ten chunks."""
    theory, options = toy.theory()
    parameters = {"sin2_2theta": nj.Range(1e-10, 1e-8), "coupling": nj.Range(1e-4, 0.2)}
    return nj.Scan(*theory, parameters, points=points, chunk=16, **options, **changes)


def many_chunks():
    """The toy with what would take long of a real theory, so that chunks are small: 200."""
    theory, options = toy.theory()
    parameters = {"sin2_2theta": nj.Range(1e-10, 1e-8), "coupling": nj.Range(1e-4, 0.2)}
    return nj.Scan(
        *theory, parameters, points=25600, chunk=128, outputs=("relic_density", "gradients"),
        method=options["method"],
    )  # fmt: skip


def content(store):
    """Every file of a store but the empty one that is the lock."""
    files = {
        str(path.relative_to(store)): path.read_bytes()
        for path in Path(store).rglob("*")
        if path.is_file()
    }
    assert files.pop("scan/lock") == b""
    return files


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory):
    """What a scan leaves that nothing has disturbed."""
    path = tmp_path_factory.mktemp("undisturbed") / "out.zarr"
    report = nj.scan(toy_scan(), path)
    assert report.chunks > 10
    return content(path)


class _Killed(BaseException):
    """No handler of the package catches this: to it, the process ends here."""


@pytest.mark.parametrize("step", ["_to_disk", "write_whole", "_folder_to_disk"])
def test_an_end_at_any_step_of_writing_loses_nothing(tmp_path, monkeypatch, undisturbed, step):
    """The process ends before the k-th call of a step of the writing, k = 1, 2, …; each time a
    resume follows. In the end every byte is that of a scan without trouble."""
    original, calls = getattr(store_module, step), 0

    def ends(*arguments):
        nonlocal calls
        calls += 1
        if calls == stop_at:
            raise _Killed
        return original(*arguments)

    monkeypatch.setattr(store_module, step, ends)
    path, finished, stop_at = tmp_path / "out.zarr", 0, 0
    while stop_at < 40:
        stop_at, calls = stop_at + 1, 0
        try:
            report = nj.scan(toy_scan(), path, resume=True, engine=LocalEngine(1))
        except _Killed:
            done = scan_status(path).chunks_done
            assert done >= finished  # what was finished stays so
            finished = done
        else:
            assert report.chunks_computed == report.chunks - finished
            break
    else:
        pytest.fail("the scan never came to its end")
    assert stop_at > 5
    assert content(path) == undisturbed


def test_an_end_while_the_store_is_made_leaves_nothing(tmp_path, monkeypatch):
    """It is made elsewhere and renamed: a store is there as a whole or not at all."""
    monkeypatch.setattr(os, "rename", lambda *_: (_ for _ in ()).throw(_Killed))
    with pytest.raises(_Killed):
        nj.scan(toy_scan(), tmp_path / "out.zarr")
    assert not (tmp_path / "out.zarr").exists()


def test_a_resume_computes_only_what_is_missing(tmp_path, monkeypatch, undisturbed):
    path = tmp_path / "out.zarr"
    nj.scan(toy_scan(), path)
    for mark in sorted((path / "scan" / "done").iterdir())[2:5]:
        mark.unlink()
    # What a killed writer may leave behind.
    (path / "relic_density" / "c" / "3.0123.partial").write_bytes(b"half a file")
    (path / "scan" / "done" / ".00000003.json.abc.tmp").write_bytes(b"{")
    report = nj.scan(toy_scan(), path, resume=True)
    assert report.chunks_computed == 3
    assert report.complete
    assert content(path) == undisturbed
    assert nj.scan(toy_scan(), path, resume=True).chunks_computed == 0


def test_a_store_is_not_overwritten(tmp_path, undisturbed):
    path = tmp_path / "out.zarr"
    nj.scan(toy_scan(), path)
    with pytest.raises(StoreError, match="must not exist yet"):
        nj.scan(toy_scan(), path)
    assert content(path) == undisturbed


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"seed": 1}, "seed is 0 there and 1 here"),
        ({"points": 201}, "points is 200 there and 201 here"),
        ({"outputs": ("relic_density",)}, r'outputs is \["relic_density", .* here'),
        ({"sampling": "random"}, 'sampling is "sobol" there and "random" here'),
        ({"precision": "float32"}, 'precision is "float64" there and "float32" here'),
    ],
)
def test_a_store_of_another_scan_is_refused(tmp_path, undisturbed, changes, sentence):
    """It says what differs, and changes nothing."""
    path = tmp_path / "out.zarr"
    nj.scan(toy_scan(), path)
    with pytest.raises(StoreError, match=sentence):
        nj.scan(toy_scan(**changes), path, resume=True)
    assert content(path) == undisturbed


def test_another_theory_is_another_scan(tmp_path):
    """A number of the theory that is not scanned, another method: both named."""
    nj.scan(toy_scan(), tmp_path / "out.zarr")
    (_, interaction), options = toy.theory()
    other = nj.Scan(
        nj.SterileNeutrino(8e-3, 1e-9, "e"), interaction, toy_scan().parameters, points=200,
        chunk=16, plasma=options["plasma"],
    )  # fmt: skip
    with pytest.raises(StoreError) as error:
        nj.scan(other, tmp_path / "out.zarr", resume=True)
    for words in ("sterile.mass is 0.0071 there and 0.008 here", "sterile.flavour", "method.type"):
        assert words in str(error.value)


def test_values_of_scanned_parameters_do_not_matter(tmp_path):
    """They are replaced, so that they belong to no configuration."""
    nj.scan(toy_scan(), tmp_path / "out.zarr")
    (sterile, interaction), options = toy.theory(sin2_2theta=3e-9, coupling=0.02)
    again = nj.Scan(sterile, interaction, toy_scan().parameters, points=200, chunk=16, **options)
    assert nj.scan(again, tmp_path / "out.zarr", resume=True).chunks_computed == 0


@pytest.mark.parametrize("damage", ["flip", "cut", "remove", "mark"])
def test_damaged_chunks_are_found_and_computed_again(tmp_path, undisturbed, damage):
    """A flipped bit, half a file, none, a mark that is no JSON: never read, told, and mended."""
    path = tmp_path / "out.zarr"
    nj.scan(toy_scan(), path)
    victim = path / "relic_density" / "c" / "4"
    if damage == "flip":
        changed = bytearray(victim.read_bytes())
        changed[len(changed) // 2] ^= 4
        victim.write_bytes(changed)
        with pytest.raises(ValueError, match="checksum"):  # of any reader of Zarr
            xr.open_zarr(path, chunks=None).relic_density.load()
    elif damage == "cut":
        victim.write_bytes(victim.read_bytes()[:10])
    elif damage == "remove":
        victim.unlink()
    else:
        (path / "scan" / "done" / "00000004.json").write_text("{")
    status = scan_status(path)
    assert not status.complete
    assert list(status.damaged) == [4]
    report = nj.scan(toy_scan(), path, resume=True)
    assert report.chunks_computed == 1
    assert list(report.damaged) == [4]
    assert report.complete
    assert content(path) == undisturbed
    assert not scan_status(path).damaged


def test_two_writers_by_mistake(tmp_path, undisturbed):
    """The second is refused while the first is at work, and neither changes a number."""
    path, told = tmp_path / "out.zarr", []

    def second_writer(_report):
        with pytest.raises(StoreError, match="Another process is writing") as error:
            nj.scan(toy_scan(), path, resume=True)
        told.append(str(error.value))

    nj.scan(toy_scan(), path, progress=second_writer)
    assert len(told) > 10
    assert content(path) == undisturbed


def test_the_lock_of_a_killed_writer_is_gone(tmp_path):
    """The operating system lets go of it: nothing stale is left that a person must remove."""
    path = tmp_path / "out.zarr"
    nj.scan(toy_scan(), path)
    code = (
        "import filelock, os, sys, time\n"
        f"held = filelock.FileLock({str(path / 'scan' / 'lock')!r}).acquire()\n"
        "print('held', flush=True); time.sleep(600)\n"
    )
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE) as holder:
        assert holder.stdout is not None
        holder.stdout.readline()
        try:
            with pytest.raises(StoreError, match="Another process is writing"):
                nj.scan(toy_scan(), path, resume=True)
        finally:
            holder.kill()
    assert nj.scan(toy_scan(), path, resume=True).complete


def test_a_disk_that_fills_up(tmp_path, monkeypatch, undisturbed):
    """An error with the number of finished chunks; after making room the scan goes on."""
    path, original, calls = tmp_path / "out.zarr", store_module._to_disk, 0

    def full(file):
        nonlocal calls
        calls += 1
        if calls > 25:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return original(file)

    monkeypatch.setattr(store_module, "_to_disk", full)
    with pytest.raises(OSError, match=r"no space is left. \d of 13 chunks are done") as error:
        nj.scan(toy_scan(), path, engine=LocalEngine(1))
    assert error.value.errno == errno.ENOSPC
    done = scan_status(path).chunks_done
    assert 0 < done < 13
    monkeypatch.undo()
    report = nj.scan(toy_scan(), path, resume=True)
    assert report.chunks_computed == 13 - done
    assert content(path) == undisturbed


def test_too_little_room_is_told_before_any_work(tmp_path, monkeypatch):
    class Usage:
        free = 1000

    monkeypatch.setattr(store_module.shutil, "disk_usage", lambda _: Usage)
    with pytest.raises(StoreError, match="must have room for .* GB, but"):
        nj.scan(toy_scan(), tmp_path / "out.zarr")
    assert not list(tmp_path.iterdir())


def test_folders_that_cannot_hold_a_store(tmp_path, monkeypatch):
    with pytest.raises(StoreError, match="must lie in an existing folder"):
        nj.scan(toy_scan(), tmp_path / "missing" / "out.zarr")
    (tmp_path / "file").write_text("no store")
    (tmp_path / "folder").mkdir()
    for name in ("file", "folder"):
        with pytest.raises(StoreError, match="must be the store of a scan, but .* is none"):
            nj.scan(toy_scan(), tmp_path / name, resume=True)
    # (Root may write everywhere, so that permissions alone would test nothing.)
    monkeypatch.setattr(os, "access", lambda *_: False)
    with pytest.raises(StoreError, match="folder that can be written"):
        nj.scan(toy_scan(), tmp_path / "out.zarr")


def test_ctrl_c_finishes_the_chunk_and_leaves_the_handlers_as_they_were(tmp_path, undisturbed):
    path, before = tmp_path / "out.zarr", signal.getsignal(signal.SIGINT)

    def interrupt(report):
        if report.chunks_done == 3:
            os.kill(os.getpid(), signal.SIGINT)

    report = nj.scan(toy_scan(), path, progress=interrupt, engine=LocalEngine(1))
    assert report.interrupted
    assert 3 <= report.chunks_done <= 5
    assert signal.getsignal(signal.SIGINT) is before
    assert scan_status(path).chunks_done == report.chunks_done
    assert nj.scan(toy_scan(), path, resume=True).complete
    assert content(path) == undisturbed


def test_marks_say_what_and_where(tmp_path):
    """Counts of each status add up; who computed a chunk is on record."""
    path = tmp_path / "out.zarr"
    nj.scan(toy_scan(), path)
    marks = [json.loads(mark.read_text()) for mark in (path / "scan" / "done").iterdir()]
    flagged = int(np.sum(nj.open_scan(path).status.values != 0))
    assert sum(mark["points"] for mark in marks) == 200
    assert sum(mark["statuses"].get("under_resolved", 0) for mark in marks) == flagged > 0
    for mark in marks:
        where = json.loads((path / "scan" / "where" / f"{mark['where']}.json").read_text())
        assert where["nujax"] == nj.__version__


WRITER = """
import sys
import jax
jax.config.update("jax_enable_x64", True)
sys.path.insert(0, sys.argv[2])
import nujax as nj
from test_scan_store import many_chunks
nj.scan(many_chunks(), sys.argv[1], resume=True)
"""


@pytest.mark.slow
def test_twenty_kills(tmp_path):
    """kill -9 at twenty random moments of a scan of 200 chunks; the last run ends it.

    Every byte is then that of an undisturbed run, and no finished chunk was ever lost.
    """
    path, moments = tmp_path / "out.zarr", random.Random(20)
    command = [sys.executable, "-c", WRITER, str(path), str(_TESTS)]
    done, kills = 0, 0
    while kills < 20:
        with subprocess.Popen(command) as writer:
            while writer.poll() is None and _marks(path) <= done:
                time.sleep(0.002)
            time.sleep(moments.uniform(0.0, 0.05))
            assert writer.poll() is None, "the scan was over before all kills"
            writer.kill()
        kills += 1
        now = scan_status(path)
        assert not now.damaged
        assert done < now.chunks_done < now.chunks
        done = now.chunks_done
    subprocess.run(command, check=True)
    # In a process of the same kind: the last digits depend on its number of threads.
    command[-2] = str(tmp_path / "undisturbed.zarr")
    subprocess.run(command, check=True)
    assert content(path) == content(tmp_path / "undisturbed.zarr")


def _marks(path):
    return len(list((path / "scan" / "done").glob("*.json")))
