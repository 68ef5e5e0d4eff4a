"""Every table of the primary in one place, for migrations and for the tests that compare them."""

from __future__ import annotations

from control_plane.accounts.models import Account, AccountSecret, Licence
from control_plane.audit.models import AuditChain, AuditEvent
from control_plane.cards.models import Card
from control_plane.commands.models import Command, PrimaryEpoch
from control_plane.database import Base
from control_plane.domains.models import Domain, DomainCertificate, DomainLogo
from control_plane.enrolment.models import EnrolmentRequest, GatewayCertificate, GatewayCode
from control_plane.feed.models import FeedRow, FeedStream
from control_plane.gateways.models import Gateway, GatewayAccount, GatewayState
from control_plane.grants.models import Grant
from control_plane.groups.models import Group, GroupMember
from control_plane.imports.models import PeopleImport
from control_plane.ingest.models import (
    GatewayBoot,
    GatewayHalt,
    LaneEpoch,
    LaneMark,
    ParkedRow,
)
from control_plane.jobs.models import Job, JobCount, JobEvent, UsageRow
from control_plane.primaries.models import Installation, PrimaryProcess, Schedule
from control_plane.printers.models import Printer
from control_plane.queues.models import Queue
from control_plane.readers.models import Reader
from control_plane.roles.models import Role, UserRole
from control_plane.security.models import ApiKey, IdempotencyKey, SignInFailures, WebSession
from control_plane.sites.models import Site
from control_plane.terminals.models import Terminal, TerminalCode
from control_plane.tokens.models import PrintToken
from control_plane.users.models import OneTimeLink, User
from control_plane.vendors.models import Vendor

__all__ = [
    "Account",
    "AccountSecret",
    "ApiKey",
    "AuditChain",
    "AuditEvent",
    "Base",
    "Card",
    "Command",
    "Domain",
    "DomainCertificate",
    "DomainLogo",
    "EnrolmentRequest",
    "FeedRow",
    "FeedStream",
    "Gateway",
    "GatewayAccount",
    "GatewayBoot",
    "GatewayCertificate",
    "GatewayCode",
    "GatewayHalt",
    "GatewayState",
    "Grant",
    "Group",
    "GroupMember",
    "IdempotencyKey",
    "Installation",
    "Job",
    "JobCount",
    "JobEvent",
    "LaneEpoch",
    "LaneMark",
    "Licence",
    "OneTimeLink",
    "ParkedRow",
    "PeopleImport",
    "PrimaryEpoch",
    "PrimaryProcess",
    "PrintToken",
    "Printer",
    "Queue",
    "Reader",
    "Role",
    "Schedule",
    "SignInFailures",
    "Site",
    "Terminal",
    "TerminalCode",
    "UsageRow",
    "User",
    "UserRole",
    "Vendor",
    "WebSession",
]
