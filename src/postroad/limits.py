"""A name and a reason for every bound.

It stands near the bottom of the road, so that all layers may use it. The rule kept here: whatever
can grow has its limit in this file, with its unit at the end of its name.
"""

# Journal and store files.
GROUP_BYTES_MAX = 16 * 1024 * 1024  # one append: holds any batch, small enough to read whole
SEGMENT_BYTES = 64 * 1024 * 1024  # a journal segment: 16 of them are the default bound of 1 GiB
RESERVE_BYTES = 64 * 1024 * 1024  # given back when the disk is full, so that settles go on
SPARE_SEGMENTS = 2  # room for settles after publishers are refused
SPARE_SEGMENTS_MAX = 8  # twice what a checkpoint trims at the default bound: a burst's rest goes
ZERO_AHEAD_BYTES = 1024 * 1024  # written before the tail, so that a sync finds its blocks in place
JOURNAL_READ_BYTES = 1024 * 1024  # read at once when scanning a segment
SYNC_INTERVAL_MS = 100  # `sync = interval`: what a power cut may cost
CHECKPOINT_WAL_BYTES_MAX = 16 * 1024 * 1024  # what SQLite keeps of its log between checkpoints
STORE_FILE_BYTES = 64 * 1024 * 1024  # the offset in a block's id has 26 bits
STORE_SPARSE_BYTES = 4 * 1024 * 1024  # a store file so large and half dead is written no further
STORE_OPEN_FILES_MAX = 64  # store files held open for reading, far below any usual limit of handles

# Sockets.
READ_BUFFER_BYTES = 64 * 1024  # one read: more than any usual request, shared by all connections
CONNECTIONS_MAX = 10_000  # open at once; each costs a handle and a few KiB
LISTEN_BACKLOG = 1_024  # clients that connect within one turn, a fleet's restart included
ASKS_WAITING_MAX = 256  # of one connection; above it the socket is not read until half are answered
WRITE_BUFFER_BYTES_MAX = 1024 * 1024  # unsent answers of one connection; above it it is not read
THREAD_SWITCH_S = 0.001  # a disk thread keeps the interpreter from the loop so long at a time
TICK_MS = 1_000  # coarse on purpose: idle connections cost one call a second
TICK_SLICE = 1_000  # connections looked at in one turn of the loop
CLOSE_TICKS_MAX = 5  # a peer has so long to take the last answer and close its side
STALLED_TICKS_MAX = 60  # a peer that reads nothing for so long is cut off
ECHO_S = 0.5  # a second signal to stop within this time is the same one, passed on
DRAIN_MS_MAX = 10_000  # a stop waits so long for answers on their way, then goes on without them

# The command line.
PAGE_NAMES = 1_000  # queue names asked for at once
MOVE_STEP_MESSAGES = 1_000  # moved in one atomic step
SEND_STEP_MESSAGES = 1_000  # lines of the standard input published in one step

# Names, messages and blocks.
NAME_BYTES_MAX = 512  # AMQP allows 255, Kafka 249; twice that leaves room for escapes
MESSAGE_BYTES_MAX = 16 * 1024 * 1024  # body and head of one message: as RabbitMQ's default
PUBLISH_BYTES_MAX = 512 * 1024 * 1024  # one atomic publish: it is held in memory until durable
BLOCK_BYTES = 128 * 1024  # a block closes at this size: what one cold read brings in
APART_BYTES = 64 * 1024  # bodies of a record from which on they are not copied as it is encoded
CHUNK_BYTES_MAX = 1024 * 1024  # bodies in one record, and so the largest block of many messages
BLOCK_MESSAGES_MAX = 16_384  # keeps a block's columns small when bodies are tiny

# HTTP.
HTTP_HEAD_BYTES_MAX = 32 * 1024  # request line and headers: a presigned URL and session tokens fit
HTTP_HEADERS_MAX = 128  # names in one head; SDKs send about fifteen
HTTP_BODY_BYTES_MAX = 4 * 1024 * 1024  # 1 MiB of messages; escapes take up to three bytes for one
HTTP_PIPELINE_MAX = 4_096  # unanswered requests of a connection: what one read can bring
HTTP_PIPELINE_BYTES_MAX = 16 * 1024 * 1024  # their bodies together
HTTP_REQUEST_MS_MAX = 60_000  # from first to last byte of a request, else 408
HTTP_IDLE_MS_MAX = 120_000  # a kept connection without a request; longer than SDKs keep theirs

# AWS request forms.
SIGNATURE_AGE_MS_MAX = 900_000  # 15 minutes, as AWS allows clocks to differ
PRESIGNED_S_MAX = 604_800  # a presigned request is good for a week at most
SIGNING_KEYS_MAX = 1_024  # derived keys kept, one per access key, day and region
QUERY_FIELDS_MAX = 1_000  # parameters of one form: ten messages with ten attributes use 500
QUERY_DEPTH_MAX = 8  # dots in a parameter name: Entry.1.MessageAttribute.1.Value.StringValue has 5

# Amazon SQS; the values are the service's own quotas.
SQS_NAME_CHARS_MAX = 80
SQS_BATCH_ENTRIES_MAX = 10
SQS_BATCH_ID_CHARS_MAX = 80
SQS_BATCH_BYTES_MAX = 1_048_576  # bodies and attributes of one batch together
SQS_MESSAGE_BYTES_MAX = 1_048_576  # the largest, and the default, MaximumMessageSize
SQS_ATTRIBUTES_MAX = 10  # message attributes of one message
SQS_ATTRIBUTE_NAME_CHARS_MAX = 256  # of names and of type names
SQS_RECEIVE_MAX = 10
SQS_WAIT_S_MAX = 20
SQS_LEASE_S_MAX = 43_200  # 12 hours, counted from the receive
SQS_DELAY_S_MAX = 900
SQS_LEASED_MAX = 120_000  # in flight at once in one queue
SQS_LIST_MAX = 1_000  # queues in one listing
SQS_TAGS_MAX = 50
SQS_TAG_KEY_CHARS_MAX = 128
SQS_TAG_VALUE_CHARS_MAX = 256
SQS_POLICY_CHARS_MAX = 65_536  # Policy and RedriveAllowPolicy as text
SQS_POLICY_ACTIONS_MAX = 7  # of one AddPermission
SQS_MOVE_TASKS_MAX = 10  # listed of one source
SQS_MOVE_PER_SECOND_MAX = 500
SQS_PURGE_INTERVAL_MS = 60_000  # one PurgeQueue per queue in this time
SQS_DEDUP_WINDOW_MS = 300_000  # a FIFO queue takes a message of one id once in this time
SQS_FIFO_ID_CHARS_MAX = 128  # of a MessageGroupId, MessageDeduplicationId, attempt id
SQS_ATTEMPT_MS = 300_000  # a receive can be repeated by its attempt id for so long
SQS_ATTEMPTS_MAX = 10_000  # receives remembered by their attempt id: about 3 KiB each
SQS_DELETED_NAMES_MAX = 1_000  # names remembered where QueueDeletedRecently is switched on
SQS_KNOWN_MAX = 10_000  # queue addresses kept at hand
QUEUES_MAX = 100_000  # each takes a few KiB of memory at rest
ROUTE_SETS_MAX = 10_000  # a publish to one too many gives each queue a copy of its own
ROUTE_SETS_DROPPED = 100  # forgotten at once for a new one, of those that hold nothing
EXTENTS_MIN = 64  # runs of bodies a queue may have whatever it holds; above twice its messages
EXTENTS_LOOK = 4_096  # runs a publish looks at, for some that nobody wants
MOVE_MESSAGES_MAX = 1_000  # of one atomic move: a turn of the loop
MOVE_BYTES_MAX = 4 * 1024 * 1024  # bodies copied by one atomic move
PEEK_MAX = 1_000  # messages in one look
FAILURE_CHARS_MAX = 4_096  # of what a dead letter says it died of: a traceback, its end at least
FAILURES_PAGE_CHARS_MAX = 1024 * 1024  # the same of 4,096 neighbours that wait for their burial
DEATHS_KEPT = 64  # entries of a message's history of deaths: the first and the newest
EVENTS_KEPT = 16  # returns told in a message's biography, the newest
EVENTS_PAGE_MAX = 1_024  # returns remembered of 4,096 neighbours: about 60 KiB
SETTLED_SAMPLES_MAX = 64  # instants known of 4,096 settled neighbours: 8 bytes each at most
LAPSE_SLICE = 1_000  # messages that come back in one turn, but for the last lease's
FLEETING_QUEUES = 1_000  # in which messages that live for no time are settled in one step
DUE_SLICES_MAX = 32  # of queues, by time, before all else that time does has a turn
CLOCK_SLICES_MAX = 8  # of one kind of all else, while the others wait for theirs
PAGE_SLICE = 8  # pages of 4,096 messages that ripen, age or are swept in one turn
PURGE_SLICE = 32_768  # messages of one turn that a purge of what is ready drops
DEAD_SLICE = 500  # dead messages moved to their dead-letter queue in one turn
REFUSED_KEPT_MAX = 100_000  # dead messages in a full queue; with more it keeps none it refuses
DEAD_WAIT_MS = 1_000  # what is dead and has nowhere to go, though it may not be lost, tries again
DEAD_WAIT_MS_MAX = 60_000  # the same where there is so much of it that to look at it takes long
DEAD_REST_LOOK_MS = 100  # ms that such a queue rests for each slice that was looked at in vain
DEAD_LOOK_MS = 10  # from one slice that was looked at in vain to the next: never two in one turn
PUSH_BATCH = 100  # messages pushed to one consumer before the next has its turn
PUSH_BYTES = 1024 * 1024  # the same in bytes, or one message: what a block may have
FORSAKEN_SLICE = 64  # queues that go in one turn because their last consumers left
STALE_MAX = 64  # entries of a heap more than twice what it is about; then the stale ones go
DUES_MENDED_MAX = 32  # outdated entries of the calendar of queues that one look puts right
POOLS_MAX = 4_096  # of one caller: more than channels on one connection
ROUNDS_MAX = 32  # hand-outs in one turn of the pump
WAIT_MS_MAX = 86_400_000  # longest standing ask
ENDED_WAITS_MAX = 1_000  # waits that were answered early and are remembered all the same
HELD_GONE_MAX = 64  # queues a session leased from that are gone, and are remembered all the same
DURATION_MS_MAX = 3_153_600_000_000  # a century: an instant fits a calendar entry's 52 bits
KEY_LENGTH_MAX = 1_024  # characters of an ordering key, and of a deduplication id
NOISY_LEASES_MIN = 30  # a key with fewer leases is never noisy: as Amazon SQS has it
NOISY_SHARE = 10  # a key is noisy above one in so many of its queue's leases: as Amazon SQS has it
DEDUP_IDS_MAX = 1_000_000  # ids a queue remembers: 200 MB; above it publishers are refused
KEY_HASHES_KEPT = 65_536  # hashes of keys seen lately, so that each is not made again and again
PRIORITY_MAX = 255  # a priority is 8 bits a message, as in AMQP
RATE_MAX = 1_000_000_000  # deliveries a second: more is no limit
BURSTS_A_SECOND = 10  # a rate may be ahead of itself by a tenth of a second's deliveries, or one
BATCH_COMMANDS_MAX = 1_000  # of one batch: a turn of the loop
BATCH_BYTES_MAX = 512 * 1024 * 1024  # of one batch: it is held in memory until durable
DELIVERIES_MAX = 65_535  # deliveries are counted in 16 bits a message
RECEIVE_MAX = 100_000  # messages in one receive: what one reply may hold in memory
RECEIVE_BYTES = 64 * 1024 * 1024  # the same in bytes, or one message; as much as the cache

# Lists.
LIST_NAMES_MAX = 1_000  # lists that one pop waits for
LIST_RANGE_MAX = 100_000  # messages in one range: as in one receive
LIST_LOOK_MAX = 20_000  # bodies compared by one command: a turn of the loop
LIST_LOOK_BYTES_MAX = 16 * 1024 * 1024  # blocks kept in memory for it
LIST_TRIM_MAX = 1_000_000  # messages dropped by one trim: some 250 pages
LIST_MIDDLE_MAX = 10_000  # messages that were put in between others, of one list

# Amazon SNS; the values are the service's own quotas.
SNS_NAME_CHARS_MAX = 256
SNS_MESSAGE_BYTES_MAX = 262_144  # body and attributes of a message, and of a batch
SNS_SUBJECT_CHARS_MAX = 100
SNS_DISPLAY_CHARS_MAX = 100
SNS_ENDPOINT_CHARS_MAX = 2_048  # of the URL of an HTTP subscription
SNS_BATCH_ENTRIES_MAX = 10
SNS_BATCH_ID_CHARS_MAX = 80
SNS_PAGE = 100  # topics or subscriptions in one answer
SNS_LOOK = 1_000  # bindings looked at by one command of a program
SNS_REFUSING_FEW = 16  # queues that refuse a message whose subscriptions are looked up one by one
SNS_COPIES = 100  # refused messages that one publish takes to dead letters: 25 MiB at most
SNS_STEP_LOOK = 1_000  # bindings looked at in one step of an action
SNS_STEP = 100  # subscriptions changed in one step of an action
SNS_PAGE_LOOK = 5_000  # bindings looked at for a page, those of other protocols included
SNS_TAGS_MAX = 50
SNS_DEDUP_WINDOW_MS = 300_000  # a FIFO topic takes a message of one id once in this time
SNS_POLICY_CHARS_MAX = 30_720  # a topic's Policy
SNS_PENDING_MS = 172_800_000  # two days to confirm a subscription, as long as AWS gives
SNS_PUSH_LEASE_MS = 60_000  # an http endpoint has so long to take a message

# Exchanges, bindings and filters; the bounds of a filter are Amazon SNS's own.
EXCHANGES_MAX = 100_000  # each takes about a KiB of memory
BINDINGS_MAX = 1_000_000  # likewise, all together
ARGUMENTS_BYTES_MAX = 16 * 1024  # of one binding, packed
WEIGHT_MAX = 1_000_000  # of one binding of a consistent hash
BINDINGS_LISTED_MAX = 1_000  # in one answer
BINDING_SLICE = 500  # bindings of what is gone that are removed in one turn
ROUTES_CACHED_MAX = 65_536  # decided routes by exchange and routing key; then all are forgotten
KEYS_CACHED_MAX = 8  # routing keys of one message; with more the way is looked up each time
KEYS_CACHED_CHARS_MAX = 512  # of all of them together: the same
ROUTE_QUEUES_CACHED_MAX = 1_000_000  # queues in all decided routes together: 50 MB at most
ROUTE_RESTS_CACHED_MAX = 16  # routes without its full queues that are remembered of a route
HEAD_ROUTES_CACHED_MAX = 8_192  # the same where headers decide
HEAD_CACHED_BYTES_MAX = 512  # a longer head is looked at each time, so that the cache stays small
LINES_BROKEN_MAX = 4_096  # of one caller: AMQP has one per channel; the oldest are forgotten
ROUTED_ENTRIES_MAX = 20_000  # entries in queues that one publish through an exchange may make
FANOUT_QUEUES_MAX = 500  # a publish to more gets there so many queues at a time, a turn each
FANOUTS_MAX = 64  # under way at once; with more, publishes that may become one wait
FANOUT_PLACES_MAX = 200_000  # places told of publishes that become one fan-out together: 20 MB
FANOUT_TOLD_WORK = 8  # to tell so many publishers of a place is as much work as an entry there
FILTERS_PER_EXCHANGE_MAX = 200
FILTER_KEYS_MAX = 5
FILTER_COMBINATIONS_MAX = 150
FILTER_BYTES_MAX = 256 * 1024
FILTER_BODY_BYTES_MAX = 256 * 1024  # a longer body passes no filter on bodies: looking takes time
FILTER_DEPTH_MAX = 32  # names in names, in a filter and in what it looks at
FILTER_NUMBER_MAX = 1_000_000_000
FILTER_DECIMALS = 5
DELIVERY_POLICY_BYTES_MAX = 16 * 1024
PUSH_RETRIES_MAX = 100
PUSH_DELAY_S_MAX = 3_600
PUSH_TOTAL_S_MAX = 3_600  # all waits of one delivery policy together
PUSH_TIMEOUT_MS = 15_000  # one POST to an HTTP endpoint, its answer included
PUSH_ANSWER_BYTES_MAX = 64 * 1024  # read of an answer, so that its connection can be used again
PUSH_ANSWER_READ_MS = 1_000  # what is not there of an answer by then is not waited for
PUSH_STALE_MAX = 3  # tries of one call on connections that were kept and turn out to be closed
PUSH_WHOLE_BYTES = 256 * 1024  # a larger body is written in pieces: a copy in one turn of the loop
PUSHES_MAX = 128  # POSTs under way at once
PUSHES_DOUBTED_MAX = 64  # beside them, to endpoints that did not answer last, or were never asked
PUSH_PLACE_MS = 30_000  # waited for one of them: with the POST, less than the lease
PUSHES_PER_ENDPOINT = 16  # of one subscription, so that none takes all the places
PUSH_LOOK_MS = 1_000  # how soon a new HTTP subscription is seen
PUSH_QUEUES_PAGE = 1_000  # HTTP subscriptions looked up by one ask

# Pushes of queues to web addresses.
WEBHOOK_URL_CHARS_MAX = 2_048
WEBHOOK_CONCURRENCY_MAX = 100  # requests of one queue under way at once
WEBHOOK_PER_SECOND_MAX = 10_000  # requests of one queue: more is no limit
WEBHOOK_TIMEOUT_MS_MAX = 900_000  # an answer may take a quarter of an hour
WEBHOOK_SECRET_BYTES_MIN = 24  # as the Standard Webhooks have it
WEBHOOK_SECRET_BYTES_MAX = 64  # likewise
WEBHOOK_SECRETS_MAX = 4  # the newest, and some that are on their way out
WEBHOOK_HEADERS_MAX = 64  # of a message, sent along with it
WEBHOOK_HEADERS_BYTES_MAX = 4_096  # of them together; servers take 8 KiB in all
WEBHOOKS_MAX = 512  # requests of all queues under way at once: each has a socket
WEBHOOKS_DOUBTED_MAX = 128  # of them besides to endpoints that did not answer last, however many
WEBHOOKS_BEGUN_MAX = 500  # pushes begun in one look: a turn of the loop
WEBHOOK_LOOK_MS = 1_000  # how soon a push that was set is seen
WEBHOOK_MISSING_LOOKS = 10  # after so many looks a queue that was not there is looked for again
WEBHOOK_QUEUES_MAX = 10_000  # queues that are pushed: each is a consumer, and looked at each second
WEBHOOK_QUEUES_PAGE = 1_000  # pushes looked up by one ask
WEBHOOK_RETRY_MS = 1_000  # before the first retry where the queue has no policy; then doubled
WEBHOOK_RETRY_MS_MAX = 300_000  # between two of them at most
WEBHOOK_HOLD_MS_MAX = 3_600_000  # an endpoint that asks for more time gets as much as this
SNS_WILDCARD_POINTS_MAX = 100  # of a policy: 1 for a pattern with one star, 3 for each of more

# Topics and groups.
TOPIC_PARTITIONS_MAX = 4_096  # of one topic: a row names them all
PARTITIONS_MAX = 100_000  # of all topics; each takes a few KiB of memory at rest
CUT_BLOCKS = 64  # samples of a log cut in one turn; each is at most a block
FEED_PAGES = 64  # pages of 4,096 messages a group's queue catches up in one turn
FETCH_SPANS_MAX = 10_000  # partitions in one fetch
FETCH_SAMPLES_MAX = 4_096  # samples one fetch looks through where all in them is superseded
CLEANER_KEYS_MAX = 262_144  # messages of one window of the cleaner: some 25 MiB of keys
CLEANER_SLICE_PAGES = 64  # pages the cleaner looks at in one turn, where little is left of each
CLEANER_SLICE_BLOCKS = 32  # blocks it looks at in one turn
CLEANER_PAUSE_MS = 60_000  # between two passes that are only about tombstones
GROUPS_MAX = 100_000  # groups of each mode
GROUP_MEMBERS_MAX = 10_000  # of one group: sharing out is a turn of the loop
MEMBER_TOPICS_MAX = 1_000  # topics one member reads
MEMBER_STRATEGIES_MAX = 32  # ways to share out that one member knows
MEMBER_METADATA_BYTES_MAX = 1024 * 1024  # what a member says of itself: names of topics, and more
GROUP_BYTES_SHARED_MAX = 16 * 1024 * 1024  # the same of all members, and what a leader gives them
COMMIT_METADATA_BYTES_MAX = 4_096  # what a committer may say about an offset
CONSUMERS_MAX = 10_000  # consumers with a name of one group; each takes a row
CLAIM_MAX = 1_000  # messages that change hands by one command: a turn of the loop
LEASES_SEEN_MAX = 10_000  # leased messages looked at by one command

# The engine.
CACHE_BYTES = 64 * 1024 * 1024  # bodies in memory, written and read ones together
READ_CACHE_SHARE = 4  # one part in so many of the cache is for blocks that were read back
JOURNAL_BYTES = 1024 * 1024 * 1024  # segments, spares and reserve: all the journal has on disk
CHECKPOINT_SHARE = 4  # one is begun when one part in so many of the journal's bound is written
RECORDS_BETWEEN_CHECKPOINTS = 200_000  # what recovery may have to apply
LEASE_WAIT_MS = 20  # lease records alone wait so long for company
LOOP_WRITE_US = 500  # an event loop writes itself while an append takes no longer in the mean
LOOP_WRITE_LONG_US = 5_000  # after one that took longer, a thread writes for a good while
LOOP_WRITE_AFTER = 250  # appends that a thread does after a long one, before the loop tries again
LOOP_WRITE_BYTES = 256 * 1024  # a larger append is a thread's, however quick the disk
PLACE_BYTES = 4 * 1024 * 1024  # bodies written to the store by one job
PLACE_BLOCKS = (
    256  # blocks written by one job: where queues are many and nearly empty they are small
)
CUT_ROW_BYTES = 256 * 1024  # rows encoded for a checkpoint in one turn
CUT_ROWS = 500  # rows encoded for it in one turn, where they are small
TURN_STEPS_MAX = 64  # slices of time in one turn
TURN_WORK_MAX = 20_000  # messages asked about in one turn, where many ask at once
ASK_WORK = 32  # so many messages are as much work as an ask of its own
TURN_ASKS_MIN = 16  # asks in one turn, whatever they ask
GROUP_MESSAGES_BYTES = 8 * 1024 * 1024  # a group is closed at this size, though more is waiting
LOAD_BLOCKS = 8  # blocks read by one job
AHEAD_BLOCKS = 16  # of one queue or topic, read back before they are asked for
AHEAD_BYTES = 4 * 1024 * 1024  # of one, likewise
AHEAD_SHARE = 2  # one part in so many of the read cache is for what was read ahead and not used yet
AHEAD_SHELVES = 256  # queues and topics seen to be read in order at once
AHEAD_LOOK = 64  # blocks looked at for the next ones that are in the store alone
AHEAD_PATIENCE = 1_024  # reads of others after which what was read ahead of one gives way
PLACE_RETRY_MS = 1_000  # a full disk is tried again so often
SPACE_LOOK_MS = 2_000  # while publishes are refused, the disk is looked at so often
COMPACT_BLOCKS = 32  # blocks rewritten by one job
SPARSE_LOOK_BLOCKS = 256  # so many deletions (32 MiB) are worth a look for sparse files
SPARSE_LOOK_SHELVES = 500  # queues looked at for sparse blocks in one turn
SPARSE_LOOK_SEEN = 8_192  # blocks looked at in one turn, where one queue or topic has many
DELETE_BLOCKS = 4_096  # blocks forgotten by one job
KEEPER_IDLE_S = 1.0  # the embedded keeper thread ends when it had nothing to do for so long

# The embedded API.
CONSUME_WAIT_MS = 20_000  # one wait of an endless consume; then it asks again

# Workflows.
FLOW_STEPS_MAX = 1_000  # of one flow, which is read and written whole when something arrives
FLOW_BYTES_MAX = 4 * 1024 * 1024  # of one flow with its plan and its results
FLOW_RESULT_BYTES_MAX = 256 * 1024  # of one result; larger ones are kept elsewhere, by their places
FLOW_ID_CHARS_MAX = 512  # of a flow's id: half of what an ordering key may have
FLOW_ENDED_MS = 86_400_000  # so long one that ended is seen, and its id is not used again
FLOW_LEASE_MS = 5_000  # arrivals are worked off in a moment; those of a dead process wait so long
FLOW_LOT = 500  # arrivals taken at once
FLOW_AGAIN_MS = 1_000  # what could not be published, for a queue is full, is tried again so soon
FLOW_LOOK_MS = 5_000  # dead letters are looked at so often for flows that wait for them
FLOW_JOINERS_MAX = 100  # workflows joined by one worker; messages may name any
FLOW_LOOK_LETTERS = 500  # dead letters looked at in one step
FLOWS_READ_MAX = 1_000  # flows listed at once

# The outbox.
OUTBOX_BATCH_MESSAGES = 1_000  # published in one atomic step; read from the database at once
OUTBOX_BATCH_BYTES = 8 * 1024 * 1024  # bodies in one of them, or one message

# Back-pressure.
FLOW_WAIT_S_MIN = 0.005  # before the first try to publish into a full queue; then doubled
FLOW_WAIT_S_MAX = 0.25  # between two of them at most: how late it is seen that there is room

# Claim checks.
CLAIM_ABOVE_BYTES = 256 * 1024  # larger bodies are kept aside: as SQS had it for long
CLAIM_BYTES_MAX = 4 * 1024 * 1024 * 1024  # of one body that is kept aside
CLAIMS_DROPPED_MAX = 10_000  # acked bodies that are being forgotten; more are left to a sweep
CLAIMS_DROPPED_AT_ONCE = 100  # of them by one call of a thread, which a stop cannot end
CLAIMS_STOP_S = 1.0  # waited for them at a stop, however little time it has

# Workers.
WORKER_CONCURRENCY_MAX = 10_000  # runs of one task at a time: each a task of the loop, or a thread
WORKER_PREFETCH_MAX = 10_000  # messages that wait in a worker: others could have them
WORKER_BATCH_MAX = 1_000  # messages leased by one receive
WORKER_AHEAD_MAX = 2_000  # messages that wait where nobody said how many
WORKER_AHEAD_MS = 100  # the work of so long a time waits in a worker, as long as it was of late
WORKER_LOOK_MS = 20  # how much was finished is counted over so long a time, at least
WORKER_WAKE_MS_MAX = 60_000  # a worker looks at its leases and runs at least so often
WORKER_TURN_MS = 5  # tasks that end without waiting run so long before others have the loop
WORKER_WAIT_MS = 20_000  # one wait for messages; then the worker asks again
WORKER_THREADS_LOST_MAX = 100  # threads whose task never ended, of one worker; with more it stops
WORKER_STOP_S = 30.0  # running tasks have so long to end when a worker is told to stop
WORKER_AGAIN_MS = 500  # after a lost connection a worker asks again so soon
WORKER_AGAIN_MS_MAX = 5_000  # between two tries of what fails again and again, at most
COMPANY_OPERATIONS_MAX = 400  # done in the step of one ack: two such fit into one batch
COMPANY_BYTES = 16 * 1024 * 1024  # what goes with acks of one batch, about; more is more batches
IDEMPOTENCY_KEY_CHARS_MAX = 512  # longer than any order number; kept for each that is done
IDEMPOTENCY_RESULT_BYTES_MAX = 4 * 1024  # kept for duplicates; more where one was asked for
IDEMPOTENCY_LOOK_MS = 500  # duplicates that wait for another run look so often whether it is over
IDEMPOTENCY_WAITING_MAX = 1_000  # duplicates that wait in a worker; with more it leases nothing
COMPANY_TRIES_MAX = 20  # a companion is asked anew so often: each time another was there first
CHILD_LIVES_S = 2.0  # a process that ends sooner would end again
CHILD_LOOK_S = 0.25  # processes, and files with --reload, are looked at so often
CHILD_END_LOOK_S = 0.05  # and so often while they come to their end
HEARTBEAT_SHARE = 3  # leases are extended after one part in so many of their time
JOBS_PUBLISH = 500  # of a bulk call, published at once: some tens of KiB of small arguments
RESULT_BYTES_MAX = 1024 * 1024  # of one result, which stays in memory; larger ones go elsewhere
RESULT_TEXT_MAX = 4_096  # characters of what an error says of itself
RESULT_LOOK_S = 1.0  # whoever waits for a result looks so often though nobody told it
WAKE_QUEUE_MS = 600_000  # the queue on which a process is told of results outlives it by so much
WAKES_READ = 1_000  # results and replies told of at once
WAKES_WAIT_MS = 2_000  # one wait for them; then it is seen whether anybody waits still
READER_BATCH_MAX = 10_000  # messages of one batch of a reader: some tens of MB of large events
READER_MEMBERS_MAX = 100  # members that one reader has in one process
READER_SESSION_S = 10.0  # a member of which nothing is heard so long is out; others read on then
READER_WAIT_MS = 20_000  # one wait of a reader for messages, at most; then it asks again
READER_LEAVE_S = 2.0  # a reader that ends has so long to say so; else others wait for its session
REPLY_LEASE_MS = 5_000  # a reply whose connection broke on its way comes again after so long
REPLY_BYTES_MAX = 15 * 1024 * 1024  # of one reply: with its headers it is a message still
REQUEST_S = 30.0  # a request waits so long for its reply unless it says otherwise

# Schemas.
SCHEMA_BYTES_MAX = 64 * 1024  # of one version: far more than people write by hand
SCHEMA_VERSIONS_MAX = 100  # kept of a queue or topic; then the oldest goes
SCHEMAS_COMPILED_MAX = 10_000  # kept ready, by text; then all are made anew when they are needed

# kv: keys and what is under them; all of it is in memory.
KV_KEY_BYTES_MAX = 8 * 1024  # of a key, or a pattern; longer ones belong into values
KV_MEMBER_BYTES_MAX = 64 * 1024  # of a field or member: whole JSON texts are members in practice
KV_VALUE_BYTES_MAX = 16 * 1024 * 1024  # as a message
KV_BATCH_MAX = 1_000  # keys or members in one command: a turn of the loop
KV_KEY_WORK = 4  # messages that are as much work for a turn as a key or member
KV_BATCH_BYTES_MAX = 32 * 1024 * 1024  # values in one command
KV_DECIMAL_CHARS_MAX = 330  # of a decimal number: as many as the largest float has
KV_DECIMAL_PLACES = 17  # digits after the point that are kept: more than a float tells
KV_READ_MAX = 2_500  # keys or members looked at by one reading command
KV_BYTES_MAX = 4 * 1024 * 1024 * 1024  # memory of all keys unless set otherwise
KV_SPACES_MAX = 10_000  # each takes a row and a few hundred bytes
KV_PAGE_ENTRIES = 64  # a page is a row: small, for one changed entry writes all of it
KV_PAGE_BYTES = 32 * 1024  # a page closes at this size, though one entry may be larger
KV_FREE_AT_ONCE = 128  # members freed with their key; more are freed in slices
KV_EXPIRE_SLICE = 500  # keys whose end has come that go in one turn
KV_SWEEP_SLICE = 2_000  # entries of what is gone that are freed in one turn

# AMQP: what a channel has delivered and who publishes.
AMQP_STRETCH_TAGS = 4_096  # delivery tags kept together: 19 bytes each
AMQP_STRETCH_MS = 1_000  # deliveries further apart are kept apart, so that each is late in its time
AMQP_STRETCH_GAP = 256  # tags that nobody settles in between; with more of them they are kept apart

# AMQP 0-9-1.
FIELD_DEPTH_MAX = 32  # tables and arrays in one another: far more than people write
AMQP_FRAME_BYTES_MAX = 131_072  # the largest frame offered to a client: RabbitMQ's default
AMQP_FRAME_BYTES_MIN = 4_096  # what the protocol asks of everybody
AMQP_CHANNELS_MAX = 2_047  # of one connection: RabbitMQ's default
AMQP_HEARTBEAT_S = 60  # offered to clients: RabbitMQ's default
AMQP_CONTENT_BYTES_MAX = 128 * 1024 * 1024  # of bodies that have come in part, of one connection
AMQP_HANDSHAKE_TICKS_MAX = 10  # from the first byte to the open connection, as in RabbitMQ
AMQP_CLOSE_TICKS_MAX = 5  # a client has so long to say that a connection may close
AMQP_HELD_BACK_MAX = 64  # frames behind a method at work; with more no more is read
AMQP_EXCHANGES_KNOWN_MAX = 1_000  # names kept of those a connection published to
AMQP_EXPIRATION_MS_MAX = 315_360_000_000  # ten years, as RabbitMQ has it
AMQP_CREDIT = 400  # deliveries ahead of a client that set no prefetch: four pushes
AMQP_LEFT_OUT_CHARS_MAX = 200  # of the names of headers that no frame has room for
AMQP_FAILURE_BYTES_MAX = 2_048  # of what went wrong, in a header: the shortest frame has 4,096
AMQP_UNREAD_BYTES_MAX = 4 * 1024 * 1024  # on the way to all consumers of a connection together
AMQP_TX_BYTES_MAX = 128 * 1024 * 1024  # of messages that a channel has not committed
AMQP_TX_MESSAGE_BYTES = 256  # what one of them takes beside its body and its head
AMQP_STREAM_BYTES = 1024 * 1024  # read for a consumer of a stream at once
AMQP_STREAM_WAIT_MS = 60_000  # one wait for more of a stream; then it is asked again

# The native protocol, and its clients.
NATIVE_FRAME_BYTES_MAX = (
    64 * 1024 * 1024
)  # four of the largest messages: one frame is held in memory
NATIVE_FRAME_BYTES_MIN = 65_536  # less would not carry what people send
NATIVE_REQUESTS_MAX = 4_096  # outstanding of one connection: standing receives of many tasks too
NATIVE_WAITING_BYTES_MAX = 64 * 1024 * 1024  # of requests outstanding; with more no more is read
NATIVE_HELLO_MS = 10_000  # a client has so long to say who it is
NATIVE_QUIET_MS = 60_000  # a client that waits for something is heard of, or taken for gone
SOCKET_PATH_BYTES_MAX = 107  # of a unix socket: what the address of one has room for
NATIVE_TIMEOUT_MS = 30_000  # for a reply beyond the wait that was asked for, unless set otherwise
NATIVE_RETRY_MS = 50  # before the first try to connect anew, at most; doubled for each after it
NATIVE_RETRY_MS_MAX = 5_000  # between two tries at most
NATIVE_SILENCE_MS = 10_000  # after so long without a byte a client that waits asks for a sign
NATIVE_SIGN_MS = 10_000  # and after so long without one the connection is lost
NATIVE_UNSENT_BYTES_MAX = 1024 * 1024  # not yet taken by the socket; who asks more waits
NATIVE_READ_BYTES = 256 * 1024  # read by a client at once
NATIVE_DIAL_MS = 5_000  # one try to connect
NATIVE_CLOSE_MS = 5_000  # a close waits so long for the replies that are on their way

# Schedules.
SCHEDULES_MAX = 10_000  # each is a row in memory, and a step at its slot
SCHEDULE_EVERY_MS_MIN = 10  # between two slots: each is a write to the disk
SCHEDULE_BODY_BYTES_MAX = 64 * 1024  # a schedule is state: what is larger belongs elsewhere
SCHEDULE_CRON_CHARS_MAX = 256  # of an expression, and of the name of a zone
SCHEDULE_MISSED_MAX = 200  # slots fired or counted at once: a turn of the loop
SCHEDULE_LATE_MS = 60_000  # a slot later than this is one that `skip` passes over
SCHEDULE_JITTER_MS_MAX = 7 * 86_400_000  # of the spread of a schedule: a week
SCHEDULE_FANOUTS_MAX = 2 * FANOUTS_MAX  # with so many under way slots wait: publishers stop before
SCHEDULE_FAILURE_CHARS_MAX = 512  # kept of why the last message was refused
TRACE_LINKS_MAX = 128  # of the span of one receive; the default bound of OpenTelemetry
