"""The services a gateway can run, by the names in its configuration; ``agent.py`` keeps them."""

from __future__ import annotations

import ssl
from collections.abc import Callable
from datetime import datetime
from typing import Final

from edge_agent import enrolment
from edge_agent.addresses import local_addresses
from edge_agent.health import HealthPage, Report
from edge_agent.intake.ipp_server import IppServer
from edge_agent.intake.lpd_server import LpdServer
from edge_agent.intake.raw_server import RawServer
from edge_agent.intake.tls import key_pin, listener_context
from edge_agent.intake.upload_door import UploadDoor
from edge_agent.jobs import incoming
from edge_agent.keeper import Wanted
from edge_agent.output.ipp_identify import identify
from edge_agent.parts import Parts
from edge_agent.readers.network import NetworkReader
from edge_agent.readers.profiles import line_format_of
from edge_agent.readers.service import CardReaders
from edge_agent.service import Service
from edge_agent.terminal.server import TerminalClient
from shared.ids import AccountId
from shared.messages.records import GatewayRecord, ReaderRecord, ServiceSetting

Make = Callable[[ServiceSetting], Service]

# In order of start: who answers before who asks.
ORDER: Final = (
    "storage",
    "authentication",
    "document-output",
    "health",
    "ipp",
    "lpd",
    "raw",
    "api",
    "terminal-client",
    "card-readers",
)


class Catalogue:
    """Makes services from the parts of this gateway."""

    def __init__(
        self, parts: Parts, report: Callable[[], Report], now: Callable[[], datetime]
    ) -> None:
        self._parts = parts
        self._now = now  # by which what the primary signed expires
        self._report = report
        self._makers: dict[str, Make] = {
            # These are one object each for the life of the process: others hold on to them.
            "storage": lambda _setting: parts.storage,
            "authentication": lambda _setting: parts.authentication,
            "document-output": lambda _setting: parts.output,
            "health": self._health,
            "ipp": self._ipp,
            "lpd": self._lpd,
            "raw": self._raw,
            "api": self._api,
            "terminal-client": self._terminal_client,
            "card-readers": self._card_readers,
        }

    def add(self, name: str, make: Make) -> None:
        """Offer one more service."""
        self._makers[name] = make

    def wanted(self, gateway: GatewayRecord | None) -> tuple[dict[str, Wanted], dict[str, str]]:
        """Say what the configuration asks for, and what in it is not known here."""
        if gateway is None:
            return {}, {}
        enabled = {name: s for name, s in gateway.services.items() if s.enabled}
        unknown = {
            name: "this version of the gateway has no such service"
            for name in enabled
            if name not in self._makers
        }
        names = [name for name in ORDER if name in enabled and name in self._makers]
        hosts = tuple(sorted(gateway.trusted_hosts))
        return {name: self._wanted(name, enabled[name], hosts) for name in names}, unknown

    def _wanted(self, name: str, setting: ServiceSetting, hosts: tuple[str, ...]) -> Wanted:
        make = self._makers[name]
        # Names are in the listener's certificate and its answers: other names, another listener.
        value = (setting, hosts) if name in ("ipp", "api") else (setting,)
        return Wanted(value, lambda: make(setting))

    def _host_names(self) -> tuple[str, ...]:
        gateway = self._parts.directory.gateway()
        return gateway.trusted_hosts if gateway else ()

    def _tls(self) -> ssl.SSLContext:
        names = [*self._host_names(), *local_addresses()]
        return listener_context(self._parts.state_dir / "identity", names)

    def _ipp(self, setting: ServiceSetting) -> Service:
        parts = self._parts
        return IppServer(
            jobs=parts.jobs,
            directory=parts.directory,
            authentication=parts.authentication,
            audit=parts.audit,
            clock=parts.clock,
            host=setting.host,
            port=631 if setting.port is None else setting.port,
            tls=self._tls(),
            trusted_hosts=self._host_names(),
            state_dir=parts.state_dir,
            identify=identify,
            time_out_seconds=time_out_of(setting),
        )

    def _lpd(self, setting: ServiceSetting) -> Service:
        parts = self._parts
        return LpdServer(
            jobs=parts.jobs,
            directory=parts.directory,
            audit=parts.audit,
            host=setting.host,
            port=515 if setting.port is None else setting.port,
            options=setting.options,
            state_dir=parts.state_dir,
        )

    def _raw(self, setting: ServiceSetting) -> Service:
        parts = self._parts
        return RawServer(
            jobs=parts.jobs,
            directory=parts.directory,
            audit=parts.audit,
            host=setting.host,
            options=setting.options,
            state_dir=parts.state_dir,
        )

    def _api(self, setting: ServiceSetting) -> Service:
        parts = self._parts
        tls = self._tls()  # makes the key, where there is none yet
        return UploadDoor(
            gateway_id=parts.gateway_id,
            # Read anew each time: the keys that we believe may change while we run.
            verifier=lambda: enrolment.load(parts.state_dir).verifier(),
            jobs=parts.jobs,
            directory=parts.directory,
            audit=parts.audit,
            clock=parts.clock,
            now=self._now,
            tls=tls,
            key_pin=key_pin(parts.state_dir / enrolment.FOLDER),
            host=setting.host,
            port=8635 if setting.port is None else setting.port,
            trusted_hosts=self._host_names(),
            state_dir=parts.state_dir,
        )

    def _terminal_client(self, setting: ServiceSetting) -> Service:
        parts = self._parts
        return TerminalClient(
            setting,
            directory=parts.directory,
            stations=parts.stations,
            pairings=parts.pairings,
            audit=parts.audit,
            clock=parts.clock,
            printer_status=parts.printers.status,
            host_names=self._host_names,
            tls=self._tls() if setting.options.get("tls") else None,
        )

    def _card_readers(self, setting: ServiceSetting) -> Service:
        parts = self._parts

        def make(account_id: AccountId, record: ReaderRecord) -> NetworkReader:
            return NetworkReader(
                account_id,
                record,
                line_format_of(record.profile),
                listen_host=setting.host,
                audit=parts.audit,
                clock=parts.clock,
            )

        return CardReaders(parts.directory, parts.stations, make)

    def _health(self, setting: ServiceSetting) -> Service:
        parts = self._parts
        return HealthPage(
            setting,
            report=self._report,
            directory=parts.directory,
            clock=parts.clock,
            host_names=self._host_names,
        )


def time_out_of(setting: ServiceSetting) -> int:
    """How long a job waits for its next document.

    Raises:
        ValueError: That is no time-out.
    """
    seconds = setting.options.get("multiple_operation_time_out", incoming.DEFAULT_SECONDS)
    shortest, longest = incoming.SHORTEST_SECONDS, incoming.LONGEST_SECONDS
    if not isinstance(seconds, int) or not shortest <= seconds <= longest:
        raise ValueError(f"multiple_operation_time_out is {shortest} to {longest} seconds")
    return seconds
