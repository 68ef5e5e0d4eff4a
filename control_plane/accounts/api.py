from __future__ import annotations

from sqlalchemy.orm import Session

from control_plane.accounts import closing
from control_plane.accounts import service as accounts
from control_plane.accounts.opening import open_account
from control_plane.accounts.schemas import (
    AccountChanges,
    AccountView,
    CloseAccount,
    DeleteAccount,
    DeletionView,
    LicenceExtension,
    LicenceView,
    NewAccount,
    OpenedAccountView,
)
from control_plane.request import account_id, actor, caller, vault
from control_plane.rest.routing import Items, Rest, TextQuery, expected_version, items
from control_plane.security.permissions import Permission
from shared.ids import AccountId

rest = Rest("accounts", __name__)


@rest.get("/accounts", Permission.SEE_ACCOUNTS, query=TextQuery, answer=Items[AccountView])
def list_accounts(session: Session, query: TextQuery) -> Items[AccountView]:
    """List a vendor's accounts."""
    page = accounts.list_accounts(session, caller().vendor_id, **query.model_dump())
    return items(page, AccountView)


@rest.post("/accounts", Permission.CHANGE_ACCOUNTS, body=NewAccount, answer=OpenedAccountView)
def create_account(session: Session, body: NewAccount) -> OpenedAccountView:
    """Make an account with a trial licence of 30 days; also its domain, owner and set-up key."""
    opened = open_account(session, caller().vendor_id, body, actor(), vault=vault())
    shown = AccountView.model_validate(opened.account).model_dump()
    return OpenedAccountView(**shown, **opened.shown())


@rest.get("/accounts/<below_id>", Permission.SEE_ACCOUNTS, answer=AccountView)
def get_account(session: Session, below_id: AccountId) -> AccountView:
    """Show an account of the vendor."""
    account = accounts.get_of_vendor(session, caller().vendor_id, below_id)
    return AccountView.model_validate(account)


@rest.get("/accounts/<below_id>/licence", Permission.SEE_ACCOUNTS, answer=LicenceView)
def get_licence(session: Session, below_id: AccountId) -> LicenceView:
    """Show the licence of an account of the vendor."""
    account = accounts.get_of_vendor(session, caller().vendor_id, below_id)
    return LicenceView.model_validate(accounts.licence(session, account.id))


@rest.patch(
    "/accounts/<below_id>/licence",
    Permission.CHANGE_ACCOUNTS,
    body=LicenceExtension,
    answer=LicenceView,
)
def extend_licence(session: Session, below_id: AccountId, body: LicenceExtension) -> LicenceView:
    """Extend the licence of an account of the vendor."""
    licence = accounts.extend_licence(session, caller().vendor_id, below_id, body, actor())
    return LicenceView.model_validate(licence)


@rest.act(
    "/accounts/<below_id>/close", Permission.CLOSE_ACCOUNTS, body=CloseAccount, answer=AccountView
)
def close_account(session: Session, below_id: AccountId, body: CloseAccount) -> AccountView:
    """Close an account: nobody signs in, nothing new is taken; what waits can be printed."""
    account = closing.close(session, caller().vendor_id, below_id, body, actor())
    return AccountView.model_validate(account)


@rest.act("/accounts/<below_id>/reopen", Permission.CLOSE_ACCOUNTS, answer=AccountView)
def reopen_account(session: Session, below_id: AccountId) -> AccountView:
    """Open a closed account again, as it was."""
    account = closing.reopen(session, caller().vendor_id, below_id, actor())
    return AccountView.model_validate(account)


@rest.ask(
    "/accounts/<below_id>/deletion",
    Permission.CLOSE_ACCOUNTS,
    body=DeleteAccount,
    answer=DeletionView,
)
def delete_account(session: Session, below_id: AccountId, body: DeleteAccount) -> DeletionView:
    """Begin to erase a closed account for good: its gateways forget it, then all of it goes."""
    return closing.delete(session, caller().vendor_id, below_id, body, actor())


@rest.get("/accounts/<below_id>/deletion", Permission.SEE_ACCOUNTS, answer=DeletionView)
def get_deletion(session: Session, below_id: AccountId) -> DeletionView:
    """Show how far the deletion of an account is."""
    return closing.get_deletion(session, caller().vendor_id, below_id)


@rest.get("/account", Permission.SEE_SETTINGS, answer=AccountView)
def get_own_account(session: Session) -> AccountView:
    """Show the account's own settings."""
    return AccountView.model_validate(accounts.get_account(session, account_id()))


@rest.patch("/account", Permission.CHANGE_SETTINGS, body=AccountChanges, answer=AccountView)
def update_own_account(session: Session, body: AccountChanges) -> AccountView:
    """Change the account's own settings."""
    account = accounts.update(
        session, account_id(), body, actor(), vault=vault(), expected_version=expected_version()
    )
    return AccountView.model_validate(account)


@rest.get("/account/licence", Permission.SEE_SETTINGS, answer=LicenceView)
def get_own_licence(session: Session) -> LicenceView:
    """Show the account's licence."""
    return LicenceView.model_validate(accounts.licence(session, account_id()))
