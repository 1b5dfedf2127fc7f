"""A provider's description is checked when it is made, and then only read."""

import pytest

from posei_trader.plugins import Capability, ProviderSpec, Support, SupportLevel
from posei_trader.plugins.closest import closest, did_you_mean, listed


def spec(**fields):
    return ProviderSpec(**{"name": "acme", "summary": "s", "api": 1, **fields})


@pytest.mark.parametrize("name", ["", "Acme", "9lives", "a-b", "a b", "ümlaut", None, 3])
def test_a_name_is_a_lower_case_identifier(name):
    with pytest.raises(ValueError, match=r"ProviderSpec\.name"):
        spec(name=name)


@pytest.mark.parametrize(
    "reference", ["", "module", "module:", ":attr", "a..b:c", "a:b c", "1a:b", "a:b:c", 3]
)
def test_a_part_is_a_reference(reference):
    with pytest.raises(ValueError, match=r"ProviderSpec\.data is"):
        spec(data=reference)
    with pytest.raises(ValueError, match=r"ProviderSpec\.symbology\.raw is"):
        spec(symbology={"raw": reference})


def test_the_parts_are_those_that_were_given():
    described = spec(data="a.b:C", gateway="d:E.F", symbology={"raw": "g:h"})
    assert described.parts() == {"data": "a.b:C", "gateway": "d:E.F", "symbology.raw": "g:h"}


def test_what_is_not_listed_is_unsupported():
    described = spec(capabilities={Capability.QUOTES: Support.FULL})
    assert described.support(Capability.QUOTES) is Support.FULL
    assert described.support(Capability.NEWS) is Support.UNSUPPORTED


def test_a_description_cannot_be_changed():
    capabilities = {Capability.QUOTES: Support.FULL}
    described = spec(capabilities=capabilities, venues=["XNAS"])
    capabilities.clear()
    assert described.support(Capability.QUOTES) is Support.FULL
    assert described.venues == ("XNAS",)
    with pytest.raises(TypeError):
        described.capabilities[Capability.NEWS] = Support.FULL
    with pytest.raises(AttributeError):
        described.name = "other"
    assert hash(described) == hash(spec(venues=("XNAS",)))


def test_partial_support_names_the_gap():
    assert str(Support.PARTIAL("no futures")) == "partial (no futures)"
    with pytest.raises(ValueError, match="needs a note"):
        Support.PARTIAL(" ")


def test_support_can_be_explained_and_tells_whether_it_can_be_relied_upon():
    assert Support.EMULATED.because("polled") == Support(SupportLevel.EMULATED, "polled")
    assert str(Support.FULL) == "full"
    available = [Support.FULL, Support.PARTIAL("x"), Support.EMULATED]
    assert all(support.is_available for support in available)
    assert not Support.NOT_IMPLEMENTED.is_available
    assert not Support.UNSUPPORTED.is_available


def test_the_closest_name_is_found_in_any_case():
    assert closest("IBG_PRT", ["ibg_host", "ibg_port"]) == "ibg_port"
    assert closest("zzz", ["ibg_port"]) is None
    assert did_you_mean("zzz", ["b", "a"]) == "known are: 'a', 'b'"
    assert listed([]) == "none"
