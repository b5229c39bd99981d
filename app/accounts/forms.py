"""The forms of accounts: syntax, labels and help."""

from __future__ import annotations

from flask_babel import lazy_gettext as _
from wtforms import EmailField, HiddenField, PasswordField, StringField
from wtforms.validators import DataRequired, EqualTo, InputRequired, Length

from app.accounts.drafts import MAX_EMAIL, AccountDraft
from app.accounts.passwords import MAX_LENGTH
from app.platform.forms import Form, stripped


class LogInForm(Form):
    """Name or address, and password."""

    name = StringField(
        _("User name or e-mail address"),
        filters=[stripped],
        validators=[
            DataRequired(_("Enter your user name or e-mail address.")),
            Length(max=MAX_EMAIL),
        ],
    )
    password = PasswordField(_("Password"), validators=[InputRequired(_("Enter your password."))])
    next = HiddenField()


class SignUpForm(Form):
    """A new account."""

    username = StringField(
        _("User name"),
        filters=[stripped],
        description=_("3 to 30 characters: letters a to z, digits, - and _. Everybody can see it."),
        validators=[DataRequired(_("Enter a user name.")), Length(max=100)],
    )
    email = EmailField(
        _("E-mail address"),
        filters=[stripped],
        description=_("Not shown to other people. You can log in with it."),
        validators=[DataRequired(_("Enter an e-mail address.")), Length(max=MAX_EMAIL)],
    )
    password = PasswordField(
        _("Password"),
        description=_(
            "At least 8 characters; 15 or more are better. A few unrelated words do well."
        ),
        validators=[InputRequired(_("Enter a password."))],
    )
    confirm = PasswordField(
        _("Password again"),
        validators=[EqualTo("password", _("The two passwords differ. Type the same one twice."))],
    )
    next = HiddenField()

    def draft(self) -> AccountDraft:
        """Return what is asked for."""
        return AccountDraft(
            username=self.username.data or "",
            email=self.email.data or "",
            password=self.password.data or "",
        )


class PasswordForm(Form):
    """Another password for one's own account."""

    current = PasswordField(
        _("Current password"), validators=[InputRequired(_("Enter your current password."))]
    )
    new = PasswordField(
        _("New password"),
        description=_(
            "At least 8 characters; 15 or more are better. All other browsers are logged out."
        ),
        validators=[InputRequired(_("Enter a new password.")), Length(max=MAX_LENGTH)],
    )
    confirm = PasswordField(
        _("New password again"),
        validators=[EqualTo("new", _("The two passwords differ. Type the same one twice."))],
    )
