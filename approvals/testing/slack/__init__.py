"""A look-alike of Slack, for tests and the demo: no account, no network, no Slack.

Start `LookalikeSlack`, point an app at its `api_url` with its tokens, and be the people in it.
Everything an approval app needs is here and as strict as the real thing; nothing else is.
"""

from approvals.testing.slack.clock import HandClock
from approvals.testing.slack.delivery import Answer, Delivery, RequestUrls
from approvals.testing.slack.lookalike import LookalikeSlack
from approvals.testing.slack.signing import Forgery
from approvals.testing.slack.state import Channel, Ephemeral, Message, User, View

__all__ = [
    "Answer",
    "Channel",
    "Delivery",
    "Ephemeral",
    "Forgery",
    "HandClock",
    "LookalikeSlack",
    "Message",
    "RequestUrls",
    "User",
    "View",
]
