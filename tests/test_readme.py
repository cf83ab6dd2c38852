"""The README is true: every snippet runs, and its test command is the one of .ci/run."""

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import jax
import pytest

_ROOT = Path(__file__).resolve().parent.parent
_BLOCK = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_BLOCKS = _BLOCK.findall((_ROOT / "README.md").read_text(encoding="utf-8"))
_INSTALL = "python3 -m venv .venv && .venv/bin/pip install "


def _lines(*languages: str) -> list[str]:
    return [
        line
        for language, text in _BLOCKS
        if language in languages
        for line in text.splitlines()
        if line.strip()
    ]


_SHELL = _lines("bash", "console")
_COMMANDS = [line[line.index("nujax ") :] for line in _SHELL if re.search(r"(^|/)nujax ", line)]


def test_every_block_is_of_a_kind_that_is_checked():
    assert {language for language, _ in _BLOCKS} <= {"python", "bash", "console", "toml", "text"}
    assert _lines("python")
    # A shell line is a nujax command, alone or after its installation, or the test command.
    for line in _SHELL:
        assert line.startswith(("nujax ", _INSTALL)), line


def test_two_commands_from_a_fresh_clone():
    """Each is one line that makes its environment, installs and runs, with venv and pip alone."""
    installs = [line for line in _SHELL if line.startswith(_INSTALL)]
    assert len(installs) == 2
    use, test = installs
    assert use.startswith(f"{_INSTALL}. && .venv/bin/nujax relic ")
    assert test.startswith(f"{_INSTALL}-e '.[test]' && ")
    assert test.endswith(" && .venv/bin/pytest")


def test_ci_runs_the_test_command_of_the_readme():
    test = next(line for line in _SHELL if line.startswith(f"{_INSTALL}-e '.[test]'"))
    assert test in (_ROOT / ".ci" / "run").read_text(encoding="utf-8").splitlines()


def _case(command: str):
    """Commands that compile more than one point's value run with the longer tests."""
    quick = command.startswith(("nujax relic", "nujax spectrum", "nujax freeze-out", "nujax --"))
    special = ("--method", "--plasma", "--transition", "--class-output", "lmu-ltau")
    long = not quick or any(word in command for word in special)
    return pytest.param(command, marks=pytest.mark.slow if long else ())


@pytest.mark.parametrize("command", [_case(command) for command in _COMMANDS])
def test_commands(command, tmp_path):
    for language, text in _BLOCKS:
        if language == "toml":  # its first line is a comment with the name of the file
            (tmp_path / text.splitlines()[0].removeprefix("# ")).write_text(text, encoding="utf-8")
    before = set(tmp_path.iterdir())
    done = subprocess.run(
        [sys.executable, "-m", "nujax.cli", *shlex.split(command)[1:]],
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": str(_ROOT)},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout
    if "--output" in command:
        assert set(tmp_path.iterdir()) > before


def test_python_snippets(tmp_path, monkeypatch):
    """The blocks run in order and share their names, as for a reader who pastes one after another.

    A snippet may turn on double precision, which the tests have on anyway; nothing else of JAX's
    configuration may change.
    """
    monkeypatch.chdir(tmp_path)
    before = dict(jax.config.values)
    namespace = {"__name__": "readme"}
    for language, text in _BLOCKS:
        if language == "python":
            exec(compile(text, "README.md", "exec"), namespace)
    assert dict(jax.config.values) == before
