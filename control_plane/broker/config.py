"""What Mosquitto is told: its configuration and the dynamic-security plugin's first state.

Two listeners: one for gateways on the configured address, and one on the loopback for the
primary's own processes. Both want a certificate of our authority; its common name becomes user
name and client id. Nothing is persistent: the broker may lose everything at any time.

Each gateway has a role of its own with literal topics: ``%u`` does not work in the plugin of
Mosquitto 2.0.11, and patterns would let a gateway join the primary's share group.
"""

from __future__ import annotations

import getpass
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from control_plane.pki.certificates import CertificateFiles
from shared.ids import GatewayId
from shared.messages import codec, topics

PLUGIN_NAME: Final = "mosquitto_dynamic_security.so"
CONTROL_TOPIC: Final = "$CONTROL/dynamic-security/v1"
CONTROL_ANSWERS: Final = f"{CONTROL_TOPIC}/response"
_PLUGIN_FOLDERS: Final = (
    "/usr/lib/x86_64-linux-gnu",
    "/usr/lib/aarch64-linux-gnu",
    "/usr/lib/arm-linux-gnueabihf",
    "/usr/lib",
    "/usr/lib64",
    "/usr/local/lib",
)
_MAX_PACKET_BYTES: Final = 512 * 1024
# Unacknowledged on their way to one client; gateways ask for fewer. What is in flight to a primary
# is what it can apply in one transaction.
MOST_IN_FLIGHT: Final = 2_000


@dataclass(frozen=True, slots=True)
class BrokerFiles:
    """The files below ``<state>/broker``."""

    folder: Path

    @property
    def config(self) -> Path:
        return self.folder / "mosquitto.conf"

    @property
    def security(self) -> Path:
        return self.folder / "dynamic-security.json"

    @property
    def authority(self) -> Path:
        return self.folder / "ca.pem"

    @property
    def revoked(self) -> Path:
        return self.folder / "revoked.crl"

    @property
    def pid(self) -> Path:
        return self.folder / "mosquitto.pid"


@dataclass(frozen=True, slots=True)
class Listeners:
    """Where the broker listens."""

    host: str
    port: int
    own_port: int  # on 127.0.0.1, for the primary


def find_plugin() -> Path | None:
    found = (Path(folder) / PLUGIN_NAME for folder in _PLUGIN_FOLDERS)
    return next((path for path in found if path.exists()), None)


def config_text(
    files: BrokerFiles, listeners: Listeners, certificate: CertificateFiles, plugin: Path
) -> str:
    """Write mosquitto.conf; every path in it is ours."""
    listener = [
        f"cafile {files.authority}",
        f"certfile {certificate.certificate}",
        f"keyfile {certificate.key}",
        f"crlfile {files.revoked}",
        "require_certificate true",
        "use_identity_as_username true",
        # Without it, whoever has a certificate throws others off by naming their client id.
        "use_username_as_clientid true",
        "tls_version tlsv1.2",
        "max_topic_alias 0",
    ]
    lines = [
        # As root, Mosquitto would become another user, who cannot read the keys.
        f"user {getpass.getuser()}",
        "persistence false",
        "allow_anonymous false",
        "allow_zero_length_clientid false",
        "log_dest stderr",
        "log_type error",
        "log_type warning",
        "connection_messages false",
        "sys_interval 0",
        "set_tcp_nodelay true",
        f"max_packet_size {_MAX_PACKET_BYTES}",
        f"max_inflight_messages {MOST_IN_FLIGHT}",
        "max_queued_messages 2000",
        f"max_queued_bytes {64 * 1024 * 1024}",
        "max_keepalive 300",
        "retain_available false",
        "queue_qos0_messages false",
        f"plugin {plugin}",
        f"plugin_opt_config_file {files.security}",
        f"listener {listeners.port} {listeners.host}",
        *listener,
        f"listener {listeners.own_port} 127.0.0.1",
        *listener,
    ]
    return "\n".join(lines) + "\n"


def security_state(primaries: Iterable[str], gateways: Iterable[GatewayId]) -> bytes:
    """Write the plugin's state: who may what. Nobody else may anything."""
    ids = list(gateways)
    names = list(primaries)
    clients = [primary_client(name) for name in names]
    clients += [gateway_client(gateway_id) for gateway_id in ids]
    state = {
        "defaultACLAccess": {
            "publishClientSend": False,
            "publishClientReceive": False,
            "subscribe": False,
            "unsubscribe": True,
        },
        "clients": clients,
        "groups": [],
        "roles": [primary_role(), *(gateway_role(gateway_id) for gateway_id in ids)],
    }
    return codec.dumps(state)


PRIMARY_ROLE: Final = "primary"


def primary_role() -> dict[str, Any]:
    every = (f"{topics.ROOT}/#", f"{CONTROL_TOPIC}/#", CONTROL_TOPIC)
    acls = [_allow(kind, topic) for kind in _SEND_AND_RECEIVE for topic in every]
    acls += [_allow("subscribePattern", "#"), _allow("subscribeLiteral", CONTROL_ANSWERS)]
    return {"rolename": PRIMARY_ROLE, "acls": acls}


def primary_client(name: str) -> dict[str, Any]:
    return {"username": name, "roles": [{"rolename": PRIMARY_ROLE}]}


def gateway_role(gateway_id: GatewayId) -> dict[str, Any]:
    acls = [_allow("publishClientSend", topics.up(gateway_id, what)) for what in topics.Up]
    for what in topics.Down:
        topic = topics.down(gateway_id, what)
        acls += [_allow("publishClientReceive", topic), _allow("subscribeLiteral", topic)]
    return {"rolename": role_name(gateway_id), "acls": acls}


def gateway_client(gateway_id: GatewayId) -> dict[str, Any]:
    return {"username": gateway_id, "roles": [{"rolename": role_name(gateway_id)}]}


def role_name(gateway_id: GatewayId) -> str:
    return f"gateway-{gateway_id}"


_SEND_AND_RECEIVE: Final = ("publishClientSend", "publishClientReceive")


def _allow(kind: str, topic: str) -> dict[str, Any]:
    return {"acltype": kind, "topic": topic, "priority": 0, "allow": True}
