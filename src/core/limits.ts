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

// Bans

/** Banned identities. Ours: bans are made by people, one by one; at the bound the next one is refused and says so. */
export const BAN_LIST_ENTRIES = 65_536

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

/** The buffer that all sockets of the process read into: what one read of a busy loopback connection brings at most. */
export const READ_BUFFER_BYTES = 65_536
/** Connections that wait in the kernel to be accepted, unless the layer is told otherwise. */
export const DEFAULT_LISTEN_BACKLOG = 100
/** What an in-process link holds per direction before it pushes back: the size of a modest socket buffer. */
export const MEMORY_LINK_BYTES = 65_536
/** The first port that an in-process network gives to those who ask for any (RFC 6335, dynamic ports). */
export const FIRST_DYNAMIC_PORT = 49_152
