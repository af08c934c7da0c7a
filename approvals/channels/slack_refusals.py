"""What Slack's refusals mean for a card, and what somebody has to do about each."""

from __future__ import annotations

from approvals.channels.slack_client import SlackRefused

TOO_MUCH = frozenset(
    {
        "invalid_blocks",
        "invalid_blocks_format",
        "msg_blocks_too_long",
        "msg_too_long",
        "block_mismatch",
        "too_many_attachments",
        "invalid_arguments",
        "invalid_arg_value",
    }
)
"""Refused for how the card looks: a smaller one may be taken."""

_REINSTALL = "Check slack.bot_token, or install the app again; `placet slack check` tries it."
_WHAT_TO_DO = {
    "not_in_channel": "The app is not in {place}: type /invite @Placet there.",
    "channel_not_found": "There is no {place}, or it is private and the app is not in it: type /invite @Placet there.",
    "is_archived": "{place} is archived: unarchive it, or name another channel.",
    "user_not_found": "Slack knows nobody by {place}: correct the person's Slack id.",
    "user_disabled": "The Slack account {place} is deactivated: route the rule to somebody else.",
    "cannot_dm_bot": "{place} is a bot: it has no direct messages.",
    "messages_tab_disabled": "Direct messages to the app are switched off: switch the Messages tab on in its settings.",
    "restricted_action": "The workspace does not let the app post in {place}: ask its administrators.",
    "restricted_action_read_only_channel": "{place} is read-only for the app: ask its administrators.",
    "invalid_auth": "Slack does not know the bot token. " + _REINSTALL,
    "not_authed": "The bot token did not arrive. " + _REINSTALL,
    "account_inactive": "The app was removed from the workspace. " + _REINSTALL,
    "token_revoked": "The bot token was revoked. " + _REINSTALL,
    "token_expired": "The bot token has expired. " + _REINSTALL,
    "not_allowed_token_type": "slack.bot_token must be the bot token that begins with xoxb-.",
    "message_not_found": "The card was deleted in Slack.",
    "cant_update_message": "The card cannot be changed by this app: it was posted with another token.",
    "edit_window_closed": "The workspace no longer lets the card be changed.",
}


def never(refused: SlackRefused, place: str) -> str:
    """Why a card cannot be shown at a place, and what to do about it."""
    if refused.error == "missing_scope":
        scope = refused.needed or "a scope"
        return f"The app lacks {scope}: add it (`placet slack manifest` lists them all) and install the app again."
    advice = _WHAT_TO_DO.get(refused.error)
    return f"{advice.format(place=place)} ({refused.error})" if advice else f"Slack says {refused.error} for {place}."
