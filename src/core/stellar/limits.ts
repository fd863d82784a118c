/**
 * Every size, count and time of the Stellar overlay, once, with its unit, its reason and where it comes from.
 *
 * "core" is stellar-core (overlay 42, ledger protocol 28). What is marked "ours" is a bound that core does not have.
 * Options of the configuration default to these values.
 */

// Versions

/** The overlay version that we announce. Announcing 42 with minimum 38 meets every core since overlay 38. */
export const OVERLAY_VERSION = 42
/** The oldest overlay version that we accept: since 38 the bytes on the wire are the same. Core's own minimum is 41. */
export const OVERLAY_MIN_VERSION = 38
/** Core's own minimum, which tests of parity use. */
export const OVERLAY_MIN_VERSION_OF_CORE = 41
/** The ledger protocol that HELLO names. The receiver never checks it. */
export const LEDGER_VERSION = 28
/** The only value of AUTH's flags that is accepted: flow control in bytes. */
export const AUTH_FLAGS_FLOW_CONTROL_BYTES = 200

// Frames

/** The longest body of a record: core refuses a longer one at its header. */
export const MAX_MESSAGE_BYTES = 0x1000000
/** The longest body before the peer is authenticated: a HELLO is about 300 bytes, and strangers get no more than a page. */
export const MAX_UNAUTHENTICATED_MESSAGE_BYTES = 0x1000
/** The record mark in front of each body. */
export const RECORD_MARK_BYTES = 4
/** What stands in a body before the message: the version word (4) and the sequence (8). */
export const ENVELOPE_HEAD_BYTES = 12
/** What stands in a body around the message: head and MAC (32). */
export const ENVELOPE_BYTES = 44
/** How deep structures may be nested while a record is read (core's marshaling limit). */
export const MAX_XDR_DEPTH = 1500
/** How deep a transaction envelope may be nested: core refuses more when it validates. */
export const MAX_TRANSACTION_DEPTH = 500
/** How deep quorum sets may be nested: core's sanity rule says 4, and one more word is read so that core can say so itself. */
export const MAX_QUORUM_SET_DEPTH = 4

// Lists in messages (XDR bounds)

/** Hashes in one FLOOD_ADVERT or FLOOD_DEMAND. */
export const MAX_HASHES_PER_MESSAGE = 1000
/** Addresses in one PEERS. */
export const MAX_PEERS_PER_MESSAGE = 100
/** Addresses that we put into a PEERS, as core does. */
export const PEERS_TO_SEND = 50
/** Bytes of a version text and of an error's text. */
export const MAX_TEXT_BYTES = 100
/** Bytes of the sealed answer to a survey. */
export const MAX_SURVEY_BODY_BYTES = 64_000
/** Peers in one list of the answer to a survey. */
export const MAX_SURVEY_PEERS = 25
/** Bytes of a signature: Ed25519 needs exactly these, XDR allows fewer. */
export const MAX_SIGNATURE_BYTES = 64
/** Upgrades that one value of a ledger may propose. */
export const MAX_UPGRADES = 6
/** Bytes of one proposed upgrade. */
export const MAX_UPGRADE_BYTES = 128

// Handshake

/** The port of a Stellar node unless it says otherwise. */
export const DEFAULT_PORT = 11_625
/** How long a certificate lives from when it is signed. */
export const CERTIFICATE_LIFETIME_SECONDS = 3600
/** A certificate with less than this left is signed anew before it is sent: a receiver's clock may be half an hour off. */
export const CERTIFICATE_RENEWAL_SECONDS = 1800
/**
 * A certificate that is valid for longer than this is not made by any node's software, and whoever gets its key is this node for so
 * long. Ours: core has no bound; a day is far above an hour and any clock that is merely wrong.
 */
export const CERTIFICATE_LONGEST_SECONDS = 86_400
/** How many agreements are remembered, by remote key. Core holds 65,535; 1,024 is 100 KiB and far above any node's peers. Ours. */
export const SHARED_KEY_CACHE_ENTRIES = 1024
/** How long a dial may take until TCP is connected. Ours: the kernel's own limit is minutes. */
export const CONNECT_TIMEOUT_MILLIS = 5000
/** From connection to AUTH, whatever trickles in meanwhile. Ours: core lets a trickler live. */
export const HANDSHAKE_TIMEOUT_MILLIS = 5000
/** As acceptor, how long a stranger may say nothing (core: PEER_AUTHENTICATION_TIMEOUT). */
export const HANDSHAKE_SILENCE_TIMEOUT_MILLIS = 2000

// Flow control (core: PEER_FLOOD_READING_CAPACITY and its neighbours)

/** Flood messages that a peer may have in flight to us. */
export const CREDIT_MESSAGES = 200
/** Flood bytes that a peer may have in flight to us. */
export const CREDIT_BYTES = 300_000
/** After this many consumed flood messages, credit goes back. */
export const CREDIT_BATCH_MESSAGES = 40
/** After this many consumed flood bytes, credit goes back. */
export const CREDIT_BATCH_BYTES = 100_000
/** Messages of any kind in process at once per peer; then reading pauses. One above the flood credit, so that a grant always gets through. */
export const READING_MESSAGES = 201
/** Bytes of any kind in process at once per peer; then reading pauses. */
export const READING_BYTES = 1_048_576
/** What the byte credit grows by above a transaction that would not fit: see `creditBytesFor`. */
export const CREDIT_BYTES_ABOVE_TRANSACTION = 100_000
/** Longest classic transaction. */
export const MAX_CLASSIC_TRANSACTION_BYTES = 102_400
/** What a transaction message may be longer than the Soroban limit: envelope of a fee bump. */
export const TRANSACTION_EXTRA_BYTES = 2000
/** Queued bytes of transactions per peer. */
export const OUTBOUND_TRANSACTION_BYTES = 3_145_728
/** Queued SCP messages per peer. Core has no limit; 12 slots x 100 nodes x 4 kinds is far below. Ours: oldest is shed, counted. */
export const OUTBOUND_SCP_MESSAGES = 8192
/** Queued bytes of SCP messages per peer. Ours. */
export const OUTBOUND_SCP_BYTES = 8_388_608
/** Queued messages that are not flow-controlled (answers, grants, pings) per peer. Ours: a peer that asks and never reads is dropped. */
export const OUTBOUND_CONTROL_MESSAGES = 1024
/** Queued bytes of messages that are not flow-controlled per peer: two of the largest sets. Ours. */
export const OUTBOUND_CONTROL_BYTES = 33_554_432
/** Messages in one write of core's. Of ours, what one seal buffer of 64 KiB holds, or one longer message. */
export const WRITE_BATCH_MESSAGES = 1024
/** Bytes in one write of core's (checked after adding); of ours as above. */
export const WRITE_BATCH_BYTES = 1_048_576

// Timers

/** The beat at which sessions are looked at, and at which a ping goes out. */
export const PEER_BEAT_MILLIS = 5000
/** Nothing read and nothing written for this long ends an authenticated peer. */
export const IDLE_TIMEOUT_MILLIS = 30_000
/** No grant for this long while something waits for it ends the peer. */
export const NO_CREDIT_TIMEOUT_MILLIS = 60_000
/** The last message handed to the socket is older than this: the peer cannot keep up. */
export const STRAGGLER_TIMEOUT_MILLIS = 120_000
/** How long a frame that was begun may take before its bytes are counted against the time. Ours: a trickler holds a slot for ever otherwise. */
export const FRAME_TIMEOUT_MILLIS = 30_000
/** What must have come of a begun frame for each second beyond that. Ours: half of what the slowest modems carried. */
export const FRAME_BYTES_PER_SECOND = 1024
/** A beat that comes later than this shows that this node itself stood still, and deadlines of peers move on by as much. Ours. */
export const STALL_MILLIS = 1000
/** How long a closed session may take to say its last words. */
export const CLOSE_TIMEOUT_MILLIS = 5000
/** The same while the whole node stops, which has 5 s in all. */
export const SHUTDOWN_CLOSE_TIMEOUT_MILLIS = 2000

// Floods

/** How long the flood gate remembers a message. Ours: core forgets by ledger, but a node may follow none. */
export const FLOOD_TTL_MILLIS = 300_000
/** How many messages the flood gate remembers: 300 s at about 870 new messages a second. Ours: the oldest half is forgotten. */
export const FLOOD_GATE_ENTRIES = 262_144
/** Ledgers that are remembered behind the current one. */
export const LEDGERS_TO_REMEMBER = 12
/** A new peer is asked for the SCP messages of this many ledgers (core: SCP_EXTRA_LOOKBACK_LEDGERS). */
export const SCP_LOOKBACK_LEDGERS = 3
/** SCP messages may be this many ledgers ahead. */
export const LEDGER_VALIDITY_BRACKET = 100
/** How long adverts are collected before they go out. */
export const ADVERT_PERIOD_MILLIS = 100
/** How often demands are made. */
export const DEMAND_PERIOD_MILLIS = 200
/** A demand is repeated at another peer after this times the number of peers asked. */
export const DEMAND_BACKOFF_MILLIS = 500
/** The longest wait between two demands for one hash. */
export const DEMAND_BACKOFF_MAX_MILLIS = 2000
/** How many peers are asked for one hash. */
export const DEMAND_MAX_PEERS = 15
/** How long a hash that was demanded is remembered: 2 s x 15 x 2. */
export const DEMAND_MEMORY_MILLIS = 60_000
/** Hashes that a peer advertised, remembered so that they are not advertised back. */
export const ADVERT_HISTORY_ENTRIES = 50_000
/** Hashes with a demand on record over all peers. Ours: 64 peers x 1,000 operations. Beyond it the oldest is given up, counted. */
export const DEMAND_BOOK_ENTRIES = 65_536
/** One answer per peer and demanded hash in this time. Ours: a second demand for the same hash is amplification. */
export const DEMAND_ANSWER_MEMORY_MILLIS = 60_000
/** Demanded hashes remembered per peer for that rule. Ours: beyond it the oldest is forgotten. */
export const DEMAND_ANSWER_ENTRIES = 10_000

// Queries

/** GET_SCP_STATE answered per window and peer. */
export const SCP_STATE_QUERIES_PER_WINDOW = 10
/** After this long the first ledger of the checkpoint is sent to who asked for the SCP state (core: SEND_LATEST_CHECKPOINT_DELAY). */
export const CHECKPOINT_DELAY_MILLIS = 2000
/** A node that does not follow the network asks this often for the SCP state (core: OUT_OF_SYNC_RECOVERY_TIMER). */
export const SYNC_RECOVERY_MILLIS = 10_000
/** It asks this many of its peers, drawn anew each time. */
export const SYNC_RECOVERY_PEERS = 2
/** GET_TX_SET, and GET_SCP_QUORUMSET, answered per second of the window and peer. */
export const QUERIES_PER_SECOND = 5

// Fetches

/** Nodes in one quorum set, over all levels: core's sanity rule. */
export const MAX_QUORUM_SET_NODES = 1000
/** Ledgers of one checkpoint: what waits for an item of the first ledger of the current one is not given up. */
export const CHECKPOINT_LEDGERS = 64

// Surveys

/** How long a node counts for a survey at most (core: COLLECTING_PHASE_MAX_DURATION). */
export const SURVEY_COLLECTING_MILLIS = 1_800_000
/** How long a node answers for what it counted at most (core: REPORTING_PHASE_MAX_DURATION). */
export const SURVEY_REPORTING_MILLIS = 10_800_000
/** A survey's message names a ledger at most this far from ours (core: NUM_LEDGERS_BEFORE_IGNORE). */
export const SURVEY_LEDGER_BRACKET = 6
/** Surveyors whose requests of one ledger are passed on, our own not counted (core: MAX_REQUEST_LIMIT_PER_LEDGER). */
export const SURVEYORS_PER_LEDGER = 10
/** Nodes that one surveyor may ask in one ledger, unless it is this node (core: MAX_REQUEST_LIMIT_PER_LEDGER). */
export const SURVEYED_PER_SURVEYOR = 10
/** Requests that a surveyor sends at once: what others pass on of it in a ledger. */
export const SURVEY_REQUESTS_AT_ONCE = 10
/** Time between two lots of requests: three beats (core: SURVEY_THROTTLE_TIMEOUT_MULT), and so three ledgers. */
export const SURVEY_REQUEST_PERIOD_MILLIS = 15_000
/** Nodes that wait to be asked, and nodes whose answers are held. Ours: several times what the public network has. */
export const SURVEY_NODES = 10_000
/** Peers in one list of one node's answers that are held. Ours: a node may claim any number; core's default is at most 64. */
export const SURVEY_PEERS_HELD = 1000
/** Round trips of one peer in one slice: one for each beat of the longest slice. Later ones are not taken. */
export const SURVEY_ROUND_TRIPS = 360

// Connections

/** Outbound peers that we aim at (core: TARGET_PEER_CONNECTIONS). */
export const TARGET_OUTBOUND = 8
/** Outbound peers that we aim at while nobody has called us: perhaps nobody can. */
export const TARGET_OUTBOUND_WITHOUT_INBOUND = 3
/** Inbound peers (core: 8 x TARGET_PEER_CONNECTIONS). */
export const MAX_INBOUND = 64
/** Inbound links that are not authenticated yet. */
export const MAX_PENDING_INBOUND = 444
/** More of those, if they come from the IP of a preferred peer (core: POSSIBLY_PREFERRED_EXTRA). */
export const PENDING_INBOUND_EXTRA = 2
/** Outbound links that are not authenticated yet. */
export const MAX_PENDING_OUTBOUND = 56
/** Links of one IP that are not authenticated yet. Ours: one host shall not hold the hall. */
export const MAX_PENDING_PER_IP = 5
/**
 * One /24 holds at most one in so many inbound slots, and of inbound links that are not authenticated. Ours: a /24 costs as much as a
 * machine, and who fills the slots chooses the peers. With 64 slots 8, more than anybody's nodes at one place.
 */
export const SUBNET_SHARE = 8
/** One IP holds at most one in so many inbound slots. Ours: with 64 slots 4, as for nodes behind one address translation. */
export const IP_SHARE = 16
/** What a share is at least, however few slots there are. Ours: of a node with few slots, two neighbours shall be able to be peers. */
export const LEAST_SHARE = 2
/** Inbound connections of one /24 in a second, and at once. Ours: a handshake costs who is called 1.4 ms, so this is a fourteenth of a core. */
export const CONNECTIONS_PER_SUBNET_SECOND = 50
/** Buckets for that rate. Ours: a /24 each, some 3 MiB; beyond it those that are full again are forgotten, then newcomers share one. */
export const SUBNET_BUCKETS = 16_384
/** Connections that wait in the kernel to be accepted. */
export const LISTEN_BACKLOG = 100
/** Time between two rounds of dialling. */
export const CONNECTION_TICK_MILLIS = 3000
/** Dials in one round. Ours: a long book of dead addresses shall not become a storm. */
export const DIALS_PER_TICK = 10
/** Configured names are resolved anew after this long. */
export const RESOLVE_INTERVAL_MILLIS = 600_000
/** Until all configured names were found once, the n-th further try comes after n times this, at most the interval. */
export const RESOLVE_RETRY_MILLIS = 10_000
/** Addresses from PEERS that wait for the next tick to be entered in the book. Ours: ten lists of 100; further ones are dropped. */
export const LEARNED_ADDRESSES = 1000

// Ledger limits (defaults until the application says otherwise)

/** Operations in one transaction set on the public network. */
export const MAX_TX_SET_OPERATIONS = 1000
/** Soroban transactions in one ledger on the public network. */
export const MAX_SOROBAN_TRANSACTIONS = 100
/** Time between two ledgers. */
export const LEDGER_CLOSE_MILLIS = 5000
/** Longest Soroban transaction on the public network (network setting tx_max_size_bytes). */
export const SOROBAN_MAX_TRANSACTION_BYTES = 132_096

// What a ledger's capacity makes of floods (core: FLOOD_OP_RATE_PER_LEDGER and its neighbours)

/** Transactions are flooded at this times the pace at which ledgers take them, in operations and in Soroban transactions alike. */
export const FLOOD_RATE_PER_LEDGER = 1
/** A queue of transactions holds this many full ledgers. */
export const TRANSACTION_QUEUE_LEDGERS = 2

// Application (the one that comes with the package)

/** No ledger externalized for this long: the node no longer follows the network (core: CONSENSUS_STUCK_TIMEOUT_SECONDS). */
export const OUT_OF_SYNC_MILLIS = 35_000
/** Statements of one node about one slot that are passed on. Ours: a trusted node, too, can go wild. */
export const SCP_STATEMENTS_RELAYED = 4
/** Slots that statements are counted for: the bracket on both sides of the position, and the position itself. */
export const SCP_SLOTS = 201
/** Nodes in one slot. Ours: five times the validators of the public network; a statement of one more is not passed on. */
export const SCP_NODES_PER_SLOT = 1000
/** Nodes over all slots. Ours: 160 validators in each of the 201 slots; beyond it the slot that was begun first is dropped. */
export const SCP_NODES = 32_768
/** Bytes of statements held for peers that ask. Ours: 40 KiB for each of 800 nodes; beyond it the slot begun first lets go of its own. */
export const SCP_HELD_BYTES = 33_554_432
/** Statements up to this length share one buffer for what their signature is over. Ours: honest ones are below 4 KiB. */
export const SCP_SCRATCH_BYTES = 16_384
/** Transactions of others passed on in a second, unless told otherwise. Ours: what 1,000 operations in 5 s come to. */
export const TRANSACTIONS_PER_SECOND = 200
/** Transactions held for demands: 60 s at 200 a second, and room for the node's own. Ours: the oldest goes. */
export const HELD_TRANSACTIONS = 20_000
/** Bytes of transactions held for demands. Ours: 5 KiB for each of 60 s at 200 a second; the oldest goes. */
export const HELD_TRANSACTION_BYTES = 67_108_864
/** How long a transaction is held: twice the time in which one peer may ask 15 others in turn, 2 s x 15 x 2. */
export const HELD_TRANSACTION_MILLIS = 60_000
/** Transactions known to have come, so that they are not demanded: more than a full flood gate's share at 200 a second in 300 s. Ours. */
export const SEEN_TRANSACTIONS = 65_536
/** Sets of transactions that the program put here to be fetched: two a ledger for the 12 remembered, and room. Ours: the oldest goes. */
export const HELD_TRANSACTION_SETS = 100
/** Bytes of those sets: at least four of the longest. Ours: the oldest goes. */
export const HELD_TRANSACTION_SET_BYTES = 67_108_864
/** Quorum sets that the program put here to be fetched: one a validator, and room. Ours (core: 10,000); the oldest goes. */
export const HELD_QUORUM_SETS = 1000
/** Bytes of those sets: the largest sane one, of 1,000 validators, is 36 KiB. Ours: the oldest goes. */
export const HELD_QUORUM_SET_BYTES = 4_194_304

// Subscribers

/** Events kept for one subscriber. Ours: a screen of a busy minute; a slower one loses the oldest. */
export const EVENTS_PER_SUBSCRIBER = 1024
/** Messages kept for one subscriber unless it says otherwise. Ours: the credit of five peers. */
export const MESSAGES_PER_SUBSCRIBER = 1024
