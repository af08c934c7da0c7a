"""The numbers of Slack, in one table: what the look-alike refuses because Slack does.

Every size rule of the checks next door reads its number here. Most come from Slack's reference
pages; the weight of all blocks of one message is undocumented, so `WEIGHT_*` errs on the strict
side of what people measured. Rates are per minute and per method, posting is per channel.
"""

from __future__ import annotations

from typing import Final

BLOCKS_PER_MESSAGE: Final = 50
BLOCKS_PER_VIEW: Final = 100

IDENTIFIER: Final = 255  # action_id, block_id, callback_id, external_id
SECTION_TEXT: Final = 3000
SECTION_FIELD: Final = 2000
SECTION_FIELDS: Final = 10
HEADER_TEXT: Final = 150
CONTEXT_ELEMENTS: Final = 10
CONTEXT_TEXT: Final = 3000
ACTIONS_ELEMENTS: Final = 25
MARKDOWN_TEXT: Final = 12_000  # all markdown blocks of one message together
IMAGE_URL: Final = 3000
ALT_TEXT: Final = 2000
LABEL: Final = 2000
ALERT_TEXT: Final = 200

CARD_TITLE: Final = 150
CARD_BODY: Final = 200
CARD_ACTIONS: Final = 3
CAROUSEL_CARDS: Final = 10

TABLE_ROWS: Final = 100
TABLE_COLUMNS: Final = 20

BUTTON_TEXT: Final = 75
BUTTON_VALUE: Final = 2000
URL: Final = 3000
CONFIRM_TITLE: Final = 100
CONFIRM_TEXT: Final = 300
CONFIRM_BUTTON: Final = 30
OPTION_TEXT: Final = 75
OPTION_VALUE: Final = 150
SELECT_OPTIONS: Final = 100
OVERFLOW_OPTIONS: Final = 5
CHECKBOX_OPTIONS: Final = 10
RADIO_OPTIONS: Final = 10
INPUT_VALUE: Final = 3000
PLACEHOLDER: Final = 150

VIEW_TITLE: Final = 24
VIEW_BUTTON: Final = 24
PRIVATE_METADATA: Final = 3000
VIEW_BYTES: Final = 250_000
VIEW_STACK: Final = 3

POST_TEXT: Final = 40_000  # longer text of a new message is cut
UPDATE_TEXT: Final = 4_000  # longer text of an update is refused
BLOCKS_WEIGHT: Final = 13_200
WEIGHT_PER_OBJECT: Final = 50

TRIGGER_SECONDS: Final = 3.0
ACK_SECONDS: Final = 3.0
RESPONSE_URL_USES: Final = 5
RESPONSE_URL_SECONDS: Final = 30 * 60.0
SOCKETS_PER_APP: Final = 10

POSTS_PER_SECOND: Final = 1.0
POST_BURST: Final = 4
