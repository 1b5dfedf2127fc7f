"""What the README says is what the code does, and the plugin is as light as it claims."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from posei_trader.adapters.ib_docker.config import DockerizedIBGatewayConfig
from posei_trader.adapters.ib_docker.errors import CAUSES
from posei_trader.adapters.ib_docker.profile import PROFILES

README = Path(__file__).parents[1] / "README.md"


@pytest.fixture(scope="module")
def readme():
    return README.read_text("utf-8")


def section(readme, title):
    return readme.split(f"## {title}\n")[1].split("\n## ")[0]


def test_every_setting_is_documented_and_no_other(readme):
    rows = re.findall(r"^\| (`.*?) \|", section(readme, "Settings"), re.MULTILINE)
    named = {name for row in rows for name in re.findall(r"`(\w+)`", row)}
    assert named == set(DockerizedIBGatewayConfig.model_fields)


def test_every_cause_is_documented_with_its_exit_code(readme):
    rows = re.findall(r"^\| (\d+) \| `(\w+)` \|", section(readme, "Failures"), re.MULTILINE)
    assert {cause: int(code) for code, cause in rows} == {
        cause: kind.exit_code for cause, kind in CAUSES.items()
    }


def test_every_image_profile_is_documented(readme):
    for profile in PROFILES:
        assert f"`{profile}`" in readme


def test_the_python_of_the_readme_is_valid_and_imports_what_exists(readme):
    blocks = re.findall(r"```python\n(.*?)```", readme, re.DOTALL)
    assert len(blocks) == 3
    imports = [line for block in blocks for line in block.splitlines() if "import " in line]
    for block in blocks:
        compile(block, str(README), "exec")
    for line in imports:
        exec(line, {})  # noqa: S102 - our own README


def test_describing_the_plugin_imports_nothing_heavy():
    program = (
        "import sys, posei_trader.adapters.ib_docker.plugin as plugin\n"
        "list(plugin.posei_providers())\n"
        "print(sorted({'docker', 'pydantic', 'typer', 'rich', 'requests'} & set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[]"


def test_importing_the_gateway_does_not_import_docker():
    program = "import sys, posei_trader.adapters.ib_docker.gateway\nprint('docker' in sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "False"
