"""The gateway's own settings, which protobuf clients may read and change."""

from __future__ import annotations

from typing import TYPE_CHECKING, final

import msgspec

from posei_ib_sim import wire

if TYPE_CHECKING:
    from posei_ib_sim.server.routes import Routes
    from posei_ib_sim.server.server import Server
    from posei_ib_sim.server.session import Session

__all__ = ["SettingHandlers"]


@final
class SettingHandlers:
    """Serves reqConfig and updateConfig."""

    def __init__(self, server: Server) -> None:
        self._server = server
        self._settings = wire.ApiSettingsConfig(
            readOnlyApi=server.config.read_only,
            downloadOpenOrdersOnConnection=True,
            includeVirtualFxPositions=True,
            createApiMessageLogFile=server.config.log_wire is not None,
            socketPort=server.config.port,
            masterClientId=server.config.master_client_id,
            rejectMessagesAboveMaxRate=server.config.pacing,
            sendInstrumentTimezone="instrument",
            allowLocalhostOnly=not server.config.allow_remote,
        )
        self._lock = wire.LockAndExitConfig(autoLogoffTime="23:45", autoLogoffType="restart")

    def register(self, routes: Routes) -> None:
        """Enter the handlers into the table."""
        routes.add(wire.ConfigRequest, self.read)
        routes.add(wire.UpdateConfigRequest, self.change)

    def read(self, session: Session, message: wire.ConfigRequest) -> None:
        """Answer the settings."""
        session.send(
            wire.ConfigResponse(
                reqId=message.reqId,
                lockAndExit=self._lock,
                api=wire.ApiConfig(settings=self._settings),
            )
        )

    def change(self, session: Session, message: wire.UpdateConfigRequest) -> None:
        """Change settings; those that a running simulation cannot change are refused by name."""
        changed: list[str] = []
        refused: list[str] = []
        wanted = message.api.settings if message.api is not None else None
        if wanted is not None:
            fixed = {"readOnlyApi", "socketPort", "allowLocalhostOnly", "masterClientId"}
            updates = {}
            for name in wanted.__struct_fields__:
                value = getattr(wanted, name)
                if value in {None, "", ()} or value == getattr(self._settings, name):
                    continue
                if name in fixed:
                    refused.append(f"{name} is fixed while the simulated gateway runs")
                else:
                    updates[name] = value
                    changed.append(f"api.settings.{name}")
            self._settings = msgspec.structs.replace(self._settings, **updates)
        if message.lockAndExit is not None:
            self._lock = message.lockAndExit
            changed.append("lockAndExit")
        if message.resetAPIOrderSequence and session.client_id is not None:
            self._server.simulation.desk.registry.reset_ids(session.client_id)
            changed.append("resetAPIOrderSequence")
        session.send(
            wire.UpdateConfigResponse(
                reqId=message.reqId,
                status="error" if refused else "success",
                message="; ".join(refused),
                changedFields=tuple(changed),
                errors=tuple(refused),
            )
        )
