"""What differs between images with an IB Gateway, as data: ports, paths, marker table."""

from __future__ import annotations

from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from posei_trader.adapters.ib_docker.markers import IBC_MARKERS

if TYPE_CHECKING:
    from collections.abc import Mapping

    from posei_trader.adapters.ib_docker.markers import Marker


@dataclass(frozen=True, slots=True)
class ImageProfile:
    """Describe one family of images.

    `live_port` and `paper_port` are the ports *inside* the container that may be published;
    `secrets_dir` is where the password file is put; `settings_dir` is where the files with the
    expanded password are written (a tmpfs, so that they never reach a disk).
    """

    name: str
    live_port: int
    paper_port: int
    vnc_port: int = 5900
    secrets_dir: str = "/run/secrets"
    settings_dir: str = "/run/ibc"
    settings_variable: str | None = "IBC_INI"
    settings_file: str = "config.ini"
    state_dir: str = "/home/ibgateway/Jts"
    markers: tuple[Marker, ...] = IBC_MARKERS

    def api_port(self, mode: str) -> int:
        """Return the container port of the API for "paper" or "live"."""
        return self.live_port if mode == "live" else self.paper_port


_GNZSNZ = ImageProfile(name="gnzsnz", live_port=4003, paper_port=4004)

PROFILES: Final[Mapping[str, ImageProfile]] = MappingProxyType(
    {
        profile.name: profile
        for profile in (
            _GNZSNZ,
            ImageProfile(name="gnzsnz-tws", live_port=7498, paper_port=7499, vnc_port=3389),
            # Gateways of version 10.25 and older, and images built like them: socat on 4001/4002.
            ImageProfile(name="legacy", live_port=4001, paper_port=4002),
        )
    }
)
"""The known image families by name; `image_profile=` of the configuration takes one of them."""
