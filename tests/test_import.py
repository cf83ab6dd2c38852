"""Importing nujax is quick and leaves no trace: no JAX before its first use, no changed setting."""

import subprocess
import sys

import pytest

import nujax as nj


def _run(code: str) -> str:
    """The standard output of a fresh interpreter; fails the test if the code fails."""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize(
    "code",
    [
        "import nujax; dir(nujax); nujax.__version__",
        "import nujax.cli",
        "import nujax.cli._inputs, nujax.cli._report, nujax.cli._config, nujax.cli._scan_config",
        "from nujax import constants, units; import nujax; nujax.units.keV",
    ],
)
def test_jax_is_loaded_late(code):
    _run(f"import sys; {code}; assert not {{'jax', 'equinox', 'numpy'}} & set(sys.modules)")


@pytest.mark.parametrize(
    ("arguments", "exit_code"),
    [
        (["--help"], 0),
        (["relic", "--help"], 0),
        (["spectrum", "--help"], 0),
        (["fit", "--help"], 0),
        (["freeze-out", "--help"], 0),
        (["freeze-out", "--dm-mass", "10", "--mediator-mass", "30GeV"], 2),
        (["fit", "missing.toml"], 2),
        (["scan", "--help"], 0),
        (["scan", "missing.toml", "--store", "out.zarr"], 2),
        (["scan", "--status", "missing.zarr"], 2),
        (["--version"], 0),
        (["relic", "--mass", "7.1", "--sin2-2theta", "7e-11"], 2),
    ],
)
def test_help_and_bad_input_do_not_load_jax(arguments, exit_code):
    _run(
        "import sys\n"
        "from nujax.cli import main\n"
        f"sys.argv = ['nujax', *{arguments!r}]\n"
        "try:\n"
        "    main()\n"
        "except SystemExit as stop:\n"
        f"    assert (stop.code or 0) == {exit_code}, stop.code\n"
        "assert not {'jax', 'equinox', 'numpy'} & set(sys.modules)\n"
    )


def test_no_global_setting_changes():
    """All of nujax is imported and every public name used; JAX, NumPy and the environment stay."""
    _run(
        "import os, pkgutil\n"
        "import jax, equinox, diffrax, optax, numpy\n"
        "def settings():\n"
        "    return {**jax.config.values, **numpy.geterr(), **os.environ}\n"
        "before = settings()\n"
        "import nujax\n"
        "for module in pkgutil.walk_packages(nujax.__path__, 'nujax.'):\n"
        "    if not module.name.endswith(('__main__', '.plot')):\n"
        "        __import__(module.name)\n"
        "for name in nujax.__all__:\n"
        "    getattr(nujax, name)\n"
        "changed = before.items() ^ settings().items()\n"
        "assert not changed, changed\n"
    )


def test_every_public_name_exists():
    for name in nj.__all__:
        assert getattr(nj, name) is not None
        assert name in dir(nj)


def test_unknown_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="has no attribute 'no_such_name'"):
        _ = nj.no_such_name  # pyright: ignore[reportAttributeAccessIssue]


def test_package_is_typed():
    from importlib.resources import files

    assert files("nujax").joinpath("py.typed").is_file()
