"""The words by which tools tell what they do. Principles, not tools: no word is here for the sake of one server.

A verb is *clear* when it can hardly mean anything else (`delete`), and *loose* when it is also a noun or an adjective
(`order`, `open`, `set`). A clear verb decides; a loose one needs its place in the name, its object, or the description
to agree. Nothing here makes an unknown word harmless: what is not known to only read is a write.
"""

from __future__ import annotations


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


READ = _words(
    "get list read search find query fetch show describe view count check lookup browse inspect preview retrieve "
    "discover explore analyze analyse compare calculate compute estimate explain summarize summarise validate "
    "verify lint parse detect identify diagnose troubleshoot poll whoami ping peek introspect enumerate tail grep "
    "diff audit wait echo decompile disassemble suggest recommend predict measure locate obtain see scrape crawl "
    "download scan track examine monitor print"
)
"""They only answer."""

LOOSE_READ = _words("log status info history tree stats version help health scan track monitor print view screenshot")

COMPUTE = _words("convert encode decode hash translate classify sum extract")
"""They answer from what they are given, as long as that is no file, no address and no money."""

TRY = _words("test simulate validate verify preview estimate check try")
"""With these, words such as `without actually placing it` are believed."""

WRITE = _words(
    "create update write add edit modify put patch insert save upsert append upload send publish move rename copy "
    "assign invite reply enable disable configure register subscribe unsubscribe merge push commit mkdir import "
    "sync replace toggle mark change rotate generate attach detach connect disconnect join leave fork clone "
    "transition dismiss react follow unfollow star unstar pin unpin mute unmute snooze restore undo revert resume "
    "pause lock unlock archive unarchive store approve reject deny accept decline submit amend adjust increase "
    "decrease switch set make initialize init setup provision extend renew refresh complete confirm finalize "
    "prepare draft type click fill press drag select hover navigate resize manage transfer handle upvote cordon "
    "uncordon take capture authorize sign mint activate deactivate format issue overwrite reverse unassign crop "
    "request initiate allocate claim vote place new keepalive exchange reorder rebase link unlink"
)
LOOSE_WRITE = _words(
    "take capture issue format set post comment label tag open close new share schedule export name form watch "
    "contact record note handle draft type select press request claim vote place make link manage transfer submit "
    "order fork star pin mark move import commit push merge release lock exchange change copy update publish"
)

NOUNS = _words(
    "proxy issue book open close new comment label tag log contact record note name form watch order trade transfer "
    "deposit test build script command process job call draft request claim vote lock release merge commit view "
    "print monitor scan track status info history tree stats version help health charge swap wire tip bridge "
    "exchange bid short payment withdrawal fund format hash sum export import screenshot"
)
"""Loose also in front: `order_book`, `open_orders`, `test_results`."""

EXECUTE = _words(
    "execute exec eval evaluate run invoke trigger spawn deploy launch start stop restart reboot rerun rollback "
    "upgrade downgrade proxy install build compile apply shutdown terminal shell bash recreate scale redeploy "
    "suspend rollout sudo powershell"
)
LOOSE_EXECUTE = _words("proxy build script command process job call scale")
LIGHT = _words("perform do make execute run carry conduct initiate submit process request issue place trigger send")
"""Verbs that say little: in `performs a search` and `executes a transfer` the object tells."""

DESTROY = _words(
    "delete del remove rm drop destroy purge wipe truncate erase kill terminate revoke uninstall prune cancel clear "
    "flush reset discard expunge evict trash nuke deregister unregister delist deprovision decommission cleanup "
    "disband invalidate ban kick drain abort shred unpublish void forget empty"
)
LOOSE_DESTROY = _words("empty reset clear trash invalidate void drop ban forget abort flush")
PUTS_ON, TAKES_OFF = _words("add set assign attach link"), _words("remove clear")
"""Joined, they change a thing back and forth."""
CANCEL = _words("cancel abort void discard revoke invalidate unpublish ban reset")
"""They end one thing that stands, and leave what it stood on."""

PAY = _words(
    "pay buy sell withdraw refund purchase liquidate repay lend borrow stake unstake redeem donate remit payout "
    "reimburse invest disburse cashout topup repurchase"
)
LOOSE_PAY = _words(
    "transfer trade order charge deposit swap wire tip bridge exchange convert settle exercise checkout bid short "
    "payment withdrawal fund burn bet book"
)
"""Money words that are nouns as often as verbs: `transfer_history` tells of money, `transfer` moves it."""

IF_MONEY = _words("convert exchange bridge checkout wire tip settle fund charge bid short swap exercise")
"""Of these, those that need something of money beside them: `git_checkout` and `convert_time` cost nothing."""

THINGS_DONE = _words("trigger run deploy launch install build refund purchase stake exec compile proxy")
"""At the end of a name they are nouns when a verb that reads stands before them: `read_apex_trigger`."""

MONEY = _words(
    "order trade transfer withdrawal payment payout refund deposit purchase transaction subscription loan "
    "settlement oco swap donation charge checkout bid stake funds fund payroll collateral escrow nft crypto money "
    "cash wire remittance reimbursement dividend allowance bet wager credit"
)
"""What is moved or bound by making, placing or changing it."""
PRICED = _words("invoice coupon price discount promotion promo bill billing quote tax payment-link voucher estimate")
"""What others will pay by: making it moves nothing yet."""
PRICED_PAIRS = frozenset(
    {("payment", "link"), ("credit", "note"), ("subscription", "plan"), ("billing", "plan"), ("payment", "plan")}
)

RECORDS = _words(
    "history status info information detail list log summary overview stat statistic report balance book depth "
    "ticker price quote kline candle volume fee rate limit config configuration setting version health schema "
    "metadata metric usage count size tree diff snapshot screenshot preview result doc documentation insight pair "
    "type table index database finding language time window trace chart activity event"
)
"""A name that ends with one, and does not begin with a clear verb, tells of something."""
COLLECTED = _words("message request permission alert reward position asset comment file page item record issue user")
"""A name that is the plural of one tells of them."""
CASH = _words("fund money cash crypto nft currency coin token asset balance usd eur btc eth")
"""What a loose money word in front of a name is surely done to."""

NEUTRAL = _words(
    "comment note tag label template type report field format view filter watcher reminder notification category "
    "schema doc documentation status tracking message attachment photo image icon color page timesheet line list"
)
"""After these, a money word before them is only what they belong to: an order's note, a payment's reminder."""

FRONT_ONLY = _words("book empty issue form name type note record contact take capture format sign")
"""Verbs in front of a name, and nouns anywhere else: `book_flight`, `address_book`."""
SEEN = _words("screenshot snapshot screen image picture photo frame capture recording")
"""What is taken or captured by only looking."""
DISKS = _words("disk drive volume partition device sdcard")
"""What is lost by being formatted."""
COINS = _words("eth btc sol usd usdc usdt crypto money cash nft token coin fund")
"""What is money when it is sent or minted."""

NOT_MONEY = _words(
    "file folder directory issue ticket repository repo ownership owner domain project call chat conversation task "
    "card page document doc object data image room meeting item email member host appointment slot session"
)
"""What is transferred, charged or exchanged without money."""

EVENTS = _words("notification event topic webhook pubsub mail newsletter channel push resource alert stream message")
"""Before `subscription`: it costs nothing."""

POSITION = _words("open close increase decrease reduce exercise option long short margin")
"""With one of these a position is one in a market."""

OF_SORTING = _words("sort list display column row tab")
"""Before `order` and `position`: a place in a list."""

ACCESS = _words(
    "permission role access accesses acl grant collaborator admin owner ownership credential secret password apikey "
    "firewall restriction privilege scope"
)
SECRETS = _words("secret password credential credentials passphrase mnemonic kubeconfig env dotenv apikey passwords")
KEYS = _words(
    "api private secret access publishable service ssh encryption signing master root oauth auth bearer refresh "
    "session personal"
)
"""Before `key` or `token`: it opens something."""

PEOPLE = _words(
    "user customer contact employee member people person profile patient candidate lead subscriber attendee me "
    "whoami email message mail gmail inbox chat conversation sms phone voicemail notification thread interaction "
    "buyer"
)
OWNED = _words(
    "balance account subaccount wallet portfolio position holding order transfer withdrawal withdraw deposit "
    "settlement payment payout invoice refund charge transaction payroll salary subscription dispute statement "
    "earning reward pnl profit loss liquidation receivable payable bank loan credit oco fill"
)
PUBLIC = _words(
    "book type schema template rate limit fee doc documentation supported field plan category price ticker market "
    "format group console error commit label setting permission log access tax index channel status_code"
)
"""They take the private out of the word before them: an order book, a contact group, a console message."""

STARTING = _words("create new start complete prepare apply finalize confirm submit schedule add launch commit")
RUNS = _words("migration deployment execution run rollout rollback")
"""To make one of these is to run it."""
QUERIES = _words("query cypher sql statement")
"""To write one of these is to run it as one that writes."""

BINDING = _words(
    "create new place submit make open close send execute run initiate request process trigger confirm complete "
    "finalize approve accept replace amend modify update edit increase decrease set adjust issue schedule add start "
    "launch post put extend renew resume upgrade downgrade change settle capture authorize release claim apply "
    "perform mint sign do carry conduct generate register enter undo revert reverse"
)
"""With one of these, a money word is a deed: `place` an order, `submit` a withdrawal."""
MENDING = _words("update edit modify set adjust change put")
"""The weaker of these: a change of an order's tags alone moves no money."""

TOLD = _words(
    "history status info information details detail summary overview stats statistics book depth ticker klines "
    "volume fee fees rate rates limit limits version health schema metadata metrics usage count size tree diff "
    "balance pnl log screenshot snapshot documentation docs"
)
"""A name that ends with one of these says enough even without a description."""

RESETTABLE = _words("timer filter filters view selection focus cursor counter zoom viewport expiration cache")
"""What is cleared or reset without a loss."""

SMALL = _words(
    "comment label tag reaction message note draft bookmark watchlist checklist item order link alert reminder "
    "attachment branch index job query subscription event email invoice webhook rule variable downtime request run "
    "oco member watcher notification asset session timer token key stage upload star invitation"
)
"""Losing one of these is a nuisance, not a disaster."""
ALL = _words("all bulk batch many multiple mass everything entire every")

CODE = _words(
    "command cmd commands script code shell bash powershell javascript js python sql cypher expression program apex"
)
SHELLS = _words("eval evaluate exec shell bash terminal powershell")
RUN_PARAMETERS = _words("command cmd commands cli script shell code javascript python")
SQL_PARAMETERS = _words("sql statement statements cypher")
DATABASES = _words(
    "sql database db postgres postgresql mysql sqlite mssql bigquery snowflake redshift clickhouse duckdb warehouse "
    "graphql cypher oracle databricks athena"
)
"""A query to one of these may change what it asks, unless it is said to be read-only."""
ASKING = _words("query queries search select sql cypher find aggregation scan promql logql kql jql cql lucene")
FILES = _words("file files path paths audio image video output destination")
MONEY_PARAMETERS = _words(
    "amount currency price quantity qty notional iban coin wallet fiat usd eur eth btc payee beneficiary"
)
AMOUNTS = _words("amount quantity qty notional price")
ADDRESSES = _words("url uri urls link endpoint href")
RECIPIENTS = _words("to cc bcc recipient recipients email emails phone")
OPERATIONS = _words("action operation op method mode verb subcommand command")
DRY_RUNS = _words("dryrun validateonly simulate checkonly noop previewonly preview")
DESCRIPTIVE = _words("tag tags note notes metadata description label labels title name id memo comment reference")

DETERMINERS = _words("a an the this that it them its all any every one your their existing new")
LOOKED = _words("search query lookup scan check quote listing ping analysis audit health-check find")
"""What is only looked at, however heavy the verb before it."""
STOPS = _words(
    "of for on in to from with about by using via at into within between through against under over that which when "
    "if as based given without where it and or then but"
)
SKIPPED = _words(
    "this tool the a an use used uses allows allow allowing lets let you to can will for helper function endpoint "
    "api is it that which enables provides designed operation method utility please safely recursively quickly "
    "permanently immediately automatically asynchronously batch bulk also first simply easily important note "
    "warning deprecated caution dangerous danger action ability be when your user users mcp server ai agent agents"
)
