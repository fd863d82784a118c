/**
 * Every size, count and time that holds for any network, once, with its unit, its reason and where it comes from.
 *
 * What belongs to one network stands in that network's own limits. Options default to these values.
 */

// Book of peers (the rules are those of stellar-core's peer database; nothing in them is particular to its network)

/** An address with this many failures is deleted by a purge, and the last count at which it is still tried. */
export const MAX_FAILURES = 120
/** An address with more failures than this is not given to others. */
export const MAX_FAILURES_TO_SEND = 10
/** Back-off is uniform in 1 to 2^min(10, failures) x this, in seconds. */
export const BACKOFF_UNIT_SECONDS = 10
/** The exponent of the back-off ends here: 10,240 s, not quite three hours. */
export const BACKOFF_MAX_EXPONENT = 10
/** Rows in the book. Ours: when it is full, a new address takes the place of a worse one or is not entered. */
export const PEER_STORE_ENTRIES = 50_000
/** Matching rows that are read from a random place on, to pick from: enough to choose from, and about a millisecond. */
export const PEER_SAMPLE_ROWS = 1000

// Tables of addresses (after Heilman, Kendler, Zohar and Goldberg, "Eclipse Attacks on Bitcoin's Peer-to-Peer Network"; a /16 is a group)

/**
 * Buckets of the table of told addresses. Ours: with `NEW_BUCKET_PLACES` 4,096 places, four for each node of a network of a thousand,
 * since each source that tells of an address may give it a place. All that is drawn from is read each time, in some milliseconds.
 */
export const NEW_BUCKETS = 64
/** Places of a bucket of told addresses. Ours: as many as there are buckets, so that a source weighs what an address weighs. */
export const NEW_BUCKET_PLACES = 64
/** Buckets that what one group tells can reach: 1/16 of the table, and more than two lists of a hundred. */
export const NEW_BUCKETS_PER_SOURCE = 4
/** Places in each bucket that the addresses of one group can reach: 1/16 of the table, whoever tells of them. */
export const NEW_PLACES_PER_GROUP = 4
/** Places of the table of addresses that have answered. Ours: of some hundred nodes few collide, and of a thousand most find one. */
export const TRIED_PLACES = 1024
/** Places that the answering addresses of one group can reach: as many as there are outbound peers, and 1/128 of the table. */
export const TRIED_PLACES_PER_GROUP = 8
/** Outbound peers that are called again first after a start. The paper's number: more would leave too few slots to the tables. */
export const ANCHOR_PEERS = 2
/** Addresses of one sort that a round of dialling looks at (core: 50). */
export const ADDRESSES_PER_DRAWING = 50
/** How long a node that has lost its network waits before it leaves a peer for another one, each time (core: 60 s). */
export const EXCHANGE_PEER_MILLIS = 60_000
/** Addresses of the configuration whose rows are kept whatever happens. Ours: far beyond what people write; the oldest goes first. */
export const CONFIGURED_ADDRESSES = 1024
/** Time from one feeler to the next, a short connection that only asks whether somebody is there: as in Bitcoin. */
export const FEELER_INTERVAL_MILLIS = 120_000

// Bans

/** Banned identities. Ours: bans are made by people, one by one; at the bound the next one is refused and says so. */
export const BAN_LIST_ENTRIES = 65_536
/** Characters of the note of a ban. Ours: a line for the next operator, and no more than 16 MiB in a full list. */
export const BAN_NOTE_CHARACTERS = 256

// Fetches (the rules are those of stellar-core's item fetcher; nothing in them is particular to its network)

/** A peer that was asked for an item has this long to answer before the next one is asked (core: MS_TO_WAIT_FOR_FETCH_REPLY). */
export const FETCH_REPLY_MILLIS = 1500
/** When all peers were asked, the next round begins after so many such waits as there were rounds, but not more than this many. */
export const FETCH_REBUILDS_COUNTED = 10
/** Peers whose latency differs by less than this count as equally near. */
export const FETCH_LATENCY_BUCKET_MILLIS = 500
/** A peer that has answered no ping counts as this far away, and so is asked last: a day, as in core. */
export const FETCH_UNKNOWN_LATENCY_MILLIS = 86_400_000
/** Items that are looked for at once. Ours: a quorum set of each of 1,000 nodes, and as many sets of transactions. */
export const FETCHED_ITEMS = 2048
/** Messages that wait for items. Ours: 12 epochs of 160 nodes with 4 messages each; beyond it the one that waits longest is let go. */
export const FETCH_WAITING_MESSAGES = 8192
/** Bytes of those messages. Ours: 4 KiB each; likewise. */
export const FETCH_WAITING_BYTES = 33_554_432

// Databases

/** Compiled statements that a database connection keeps: some ten times what the stores use. The least used goes first. */
export const PREPARED_STATEMENTS = 200
/** How long a write waits for another process's write. It blocks the process meanwhile, so far below any peer's patience. */
export const DATABASE_BUSY_MILLIS = 1000

// Cryptography

/** Imported public keys that are remembered: validators and peers of a large network, at about 1 KiB each. Ours: oldest goes first. */
export const PUBLIC_KEY_CACHE_ENTRIES = 1024
/**
 * Messages up to this length are copied behind the padded key, so that a MAC is two digests of memory in one piece. Ours.
 *
 * Measured: at 300 bytes that halves the cost against a streaming HMAC, at 16 KiB it saves 6 %, at 32 KiB nothing.
 */
export const MAC_SCRATCH_BYTES = 16_384

// Files

/** The longest secret file that is read. Ours: a key in any text form is far shorter, and a wrong path may be any file. */
export const SECRET_FILE_MAX_BYTES = 4096

// Links

/**
 * The buffer that all sockets of the process read into, and so what is taken in before credit goes back.
 *
 * Half of what a window of 200 short messages has in flight: with 64 KiB one read takes the whole window, and the sender
 * idles until all of it is done with. Measured on loopback: a quarter more frames a second, at no more CPU.
 */
export const READ_BUFFER_BYTES = 32_768
/** Connections that wait in the kernel to be accepted, unless the layer is told otherwise. */
export const DEFAULT_LISTEN_BACKLOG = 100
/** What an in-process link holds per direction before it pushes back: the size of a modest socket buffer. */
export const MEMORY_LINK_BYTES = 65_536
/** The first port that an in-process network gives to those who ask for any (RFC 6335, dynamic ports). */
export const FIRST_DYNAMIC_PORT = 49_152

// Simulation

/** Tasks of a World that are due later. Ours: 1,000 nodes on slow links have some hundred thousand frames under way. */
export const WORLD_EVENTS = 16_777_216
/** Tasks of a World that wait in one instant. Ours: far above a wake-up of every session of 1,000 nodes. */
export const WORLD_WAITING_TASKS = 16_777_216
/** Tasks that a World runs without its time going on. Ours: more is no work but a loop, which would never end. */
export const WORLD_TASKS_AN_INSTANT = 10_000_000
/** Signatures whose verification the nodes of a World share. Ours: minutes of what a busy network says. */
export const SHARED_VERIFICATIONS = 16_384
/**
 * Sealed frames whose tags the nodes of a World share, a power of two. Ours: of 100 nodes some five thousand are under way while
 * they flood, so of 1,000 some fifty thousand. The tag of a frame that was forgotten before it arrived is computed again.
 */
export const SHARED_FRAMES = 262_144
/** Bytes of those frames, a power of two. Ours: seventy thousand statements, which have some 240 bytes each. */
export const SHARED_FRAME_BYTES = 16_777_216
/** Digests that the nodes of a World share, a power of two. Ours: more than a minute of what a busy network says; then computed again. */
export const SHARED_DIGESTS = 16_384
/** Bytes that those are the digests of, a power of two. Ours: some 256 bytes each. */
export const SHARED_DIGEST_BYTES = 4_194_304
/** Kinds of waiting fibers that a deadlock report names, the most frequent first. Ours: what a person reads. */
export const WORLD_REPORT_ENTRIES = 32
/** Names of traced functions around a waiting fiber that a report gives, the innermost first. Ours: likewise. */
export const WORLD_REPORT_FRAMES = 4

// Simulated networks

/** Nodes of one simulated network. Ours: a node takes about half a MiB with its sessions, so this many are what one process can hold. */
export const SIMULATED_NODES = 10_000
/** Faults in one plan. Ours: ten times what is drawn for the largest network; a longer list is a mistake in a file. */
export const PLAN_FAULTS = 65_536
/** Links that a node of a drawn or written topology opens itself: the outbound slots that a node has by default. */
export const TOPOLOGY_DIALS = 8
/** Links that are made to one node of a drawn topology: below the inbound slots that a node has by default, so that nobody is refused. */
export const TOPOLOGY_CALLS = 48

// Virtual network (times are virtual; the ways of TCP are those of Linux)

/** Machines of a virtual network. Ours: six times the nodes of the largest simulation, for crowds of hostile ones. */
export const VIRTUAL_HOSTS = 65_536
/** Names in a virtual network's table. Ours: one a machine. */
export const VIRTUAL_NAMES = 65_536
/** Rules of a virtual network about its weather, its cuts or its clogs, of each kind. Ours: eight a node of 1,000. */
export const VIRTUAL_RULES = 8192
/** What a virtual link holds per direction, under way and unread, before it pushes back: a sender's and a reader's buffer of 128 KiB. */
export const VIRTUAL_LINK_BYTES = 262_144
/** The bytes that are lost together: an Ethernet frame less the IPv4 and TCP headers (RFC 9293, 3.7.1). */
export const SEGMENT_BYTES = 1460
/** What is lost is sent again after so long, unless the weather says otherwise (TCP_RTO_MIN). */
export const VIRTUAL_RETRANSMIT_MICROS = 200_000
/** The longest time between two attempts to send what is lost (TCP_RTO_MAX). */
export const VIRTUAL_RETRANSMIT_MAX_MICROS = 120_000_000
/** How often one piece can be lost in a row, even where all is lost (tcp_retries2). */
export const VIRTUAL_RETRANSMISSIONS = 15
/** A link from which nothing gets through for so long has failed: what 15 retransmissions come to (tcp_retries2). */
export const VIRTUAL_LINK_TIMEOUT_MICROS = 924_600_000
/** A dial that is not answered knocks again after so long, and then after twice the time (RFC 6298, 2.1). */
export const VIRTUAL_DIAL_RETRY_MICROS = 1_000_000
/** How often a dial knocks again before it gives up by itself, after 127 s (tcp_syn_retries). */
export const VIRTUAL_DIAL_RETRIES = 6
/** A look-up that no server answers fails after so long: two attempts of 5 s (resolv.conf, timeout and attempts). */
export const VIRTUAL_LOOKUP_TIMEOUT_MILLIS = 10_000
/** Bytes of buffers that a virtual network keeps to use again. Ours: what 10,000 links have under way in chunks of 1 KiB, and more. */
export const VIRTUAL_SPARE_BYTES = 16_777_216
