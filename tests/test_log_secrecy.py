"""A run that logs a secret or a whole account number fails, on one process and on many."""

from __future__ import annotations

import shutil
import subprocess
import sys

import pytest

LEAKS = """
import logging
from pydantic import SecretStr

log = logging.getLogger("posei.Somebody")


def test_account():
    log.warning("an order of %s", "DU" + "7654321")


def test_traceback():
    log.error("failed", exc_info=ValueError("no account U" + "7654321"))


def test_secret():
    password = SecretStr("correct horse " + "battery staple")
    log.warning("logged in with %s", password.get_secret_value())
"""

CLEAN = """
import logging
from pydantic import SecretStr


def test_nothing():
    SecretStr("correct horse battery staple")
    logging.getLogger("posei.Somebody").error("DU***21, order 1400100001, U123: %s", "fine")
"""


def run(tmp_path, root, body, *options):
    shutil.copy(root / "conftest.py", tmp_path / "conftest.py")
    (tmp_path / "pytest.ini").write_text("[pytest]\n")
    (tmp_path / "test_it.py").write_text(body)
    return subprocess.run(
        [
            sys.executable,
            "-m",
            "pytest",
            "-q",
            "-p",
            "no:cacheprovider",
            "-p",
            "no:asyncio",
            "-p",
            "no:randomly",
            "-p",
            "no:cov",
            *options,
            str(tmp_path),
        ],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.slow
@pytest.mark.parametrize("options", [(), ("-n", "2")], ids=["alone", "on workers"])
def test_what_leaks_fails_the_run_and_names_the_test(tmp_path, root, options):
    done = run(tmp_path, root, LEAKS, *options)
    assert done.returncode == 1, done.stdout + done.stderr
    assert "3 passed" in done.stdout
    assert "secrets in the log" in done.stdout
    for name, what in [
        ("test_account", "account number DU7654321"),
        ("test_traceback", "account number U7654321"),
        ("test_secret", "secret 'correct horse battery staple'"),
    ]:
        assert f"{name} (call): posei.Somebody logged the {what}" in done.stdout


def test_a_clean_run_passes(tmp_path, root):
    done = run(tmp_path, root, CLEAN)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "secrets" not in done.stdout
