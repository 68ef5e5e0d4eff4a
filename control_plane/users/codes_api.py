from __future__ import annotations

from sqlalchemy.orm import Session

from control_plane.errors import InvalidError, NotFoundError
from control_plane.request import account_id, actor, caller, vault
from control_plane.rest.routing import Rest
from control_plane.security.permissions import Permission
from control_plane.users import codes
from control_plane.users.schemas import NewSignInCode, SignInCodeView

rest = Rest("sign_in_codes", __name__)


@rest.post("/sign-in-codes", Permission.CHANGE_PEOPLE, body=NewSignInCode, answer=SignInCodeView)
def create_sign_in_code(session: Session, body: NewSignInCode) -> SignInCodeView:
    """Make a one-time code for a person without their card; it is shown this once."""
    owner, may = account_id(), caller().permissions
    try:
        made = codes.make(session, owner, body.user_id, actor(), vault=vault(), may=may)
    except NotFoundError as error:
        raise InvalidError("user_id", str(error)) from None
    return SignInCodeView(user_id=made.user.id, code=made.code, expires_at=made.expires_at)
