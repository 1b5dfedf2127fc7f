"""A provider is checked offline, part by part, and every fault has its words."""

import importlib
import sys

import pytest

from posei_trader.cli.checking import check_provider
from posei_trader.plugins import Origin, Provider, ProviderSpec


def provider(**parts):
    return Provider(ProviderSpec(name="acme", summary="s", api=1, **parts), Origin("acme", "x"))


def by_part(**parts):
    return {check.part: check for check in check_provider(provider(**parts))}


@pytest.fixture
def here(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(str(tmp_path))
    (tmp_path / "checked_parts.py").write_text(
        "from posei_trader.config import LiveDataClientConfig\n"
        "class Config(LiveDataClientConfig): pass\n"
        "class Factory:\n"
        "    @staticmethod\n"
        "    def create(config, context): ...\n"
        "class Symbols:\n"
        "    def to_instrument_id(self, contract): ...\n"
        "    def to_contract(self, instrument_id): ...\n"
    )
    importlib.invalidate_caches()
    yield
    sys.modules.pop("checked_parts", None)


def test_a_provider_is_checked_part_by_part(here):
    checks = by_part(
        data="json:JSONDecoder",
        data_config="checked_parts:Config",
        data_factory="checked_parts:Factory",
        symbology={"raw": "checked_parts:Symbols"},
    )
    assert checks["data_config"].is_well
    assert checks["data_factory"].is_well
    assert checks["symbology.raw"].is_well
    assert "subscribe is missing" in checks["data"].problems


def test_a_part_that_cannot_be_imported_is_a_problem_rather_than_an_error(here):
    checks = by_part(gateway="no_such_module_anywhere:Gateway", config="json:JSONDecoder")
    assert "does not exist" in checks["gateway"].problems[0]
    assert "no configuration" in checks["config"].problems[0]
    assert "derive it from posei_trader.config.base.PoseiConfig" in checks["config"].problems[0]


GATEWAY = '''
import dataclasses
@dataclasses.dataclass(frozen=True)
class Config:
    """Configure it.

    Attributes:
        port: Where it
            listens.
    """
    provider = "acme"
    port: int = 7
'''


def test_a_gateways_configuration_may_be_a_dataclass_that_names_its_provider(tmp_path, monkeypatch):
    (tmp_path / "plain_gateway.py").write_text(GATEWAY)
    monkeypatch.syspath_prepend(tmp_path)
    from plain_gateway import Config

    from posei_trader.cli.settings import config_schema, settings_table

    assert by_part(config="plain_gateway:Config")["config"].is_well
    assert config_schema(Config)["properties"] == {
        "port": {"title": "int", "description": "Where it listens.", "default": "7"}
    }
    assert "Where it listens." in settings_table(Config)
    assert not by_part(data_config="plain_gateway:Config")["data_config"].is_well


def test_parts_that_are_of_no_use_without_others_are_named(here):
    checks = by_part(data="json:JSONDecoder")
    assert not checks["data_config"].is_well
    assert not checks["data_factory"].is_well
    assert not by_part()["provider"].is_well
