/**
 * What can be chosen about a Stellar node: the network, where it listens, whom it knows, and every size and time.
 *
 * Defaults are stellar-core's, from `core/stellar/limits`, where each has its reason.
 */
import { Duration, Effect, Schema } from "effect"
import * as limits from "../../core/stellar/limits.ts"
import { networks } from "./networks.ts"

const int = (options: { readonly minimum: number; readonly maximum: number }, fallback: number) =>
  Schema.Int.check(Schema.isBetween(options)).pipe(Schema.withConstructorDefault(Effect.succeed(fallback)))
const count = (fallback: number) => int({ minimum: 0, maximum: 1_000_000 }, fallback)
const positive = (fallback: number) => int({ minimum: 1, maximum: 0x7fffffff }, fallback)
const uint32 = (fallback: number) => int({ minimum: 0, maximum: 0xffffffff }, fallback)
const time = (millis: number) =>
  Schema.Duration.pipe(Schema.withConstructorDefault(Effect.succeed(Duration.millis(millis))))
const flag = (fallback: boolean) => Schema.Boolean.pipe(Schema.withConstructorDefault(Effect.succeed(fallback)))
const texts = Schema.Array(Schema.String).pipe(Schema.withConstructorDefault(Effect.succeed([])))
const port = Schema.Int.check(Schema.isBetween({ minimum: 1, maximum: 65_535 }))

/** How much of what comes by a node passes on; see `Application`. */
export const RelayPolicy = Schema.Literals(["observe", "scp", "all"])
export type RelayPolicy = typeof RelayPolicy.Type

/**
 * How a node passes transactions on. `pull`: it offers their hashes, and sends those that it is asked for. `push`: it sends them
 * whole to all who are not known to have them, at once; peers that pull take them, too.
 */
export const TransactionFlood = Schema.Literals(["pull", "push"])
export type TransactionFlood = typeof TransactionFlood.Type

/** The versions that HELLO announces. */
export const Versions = Schema.Struct({
  ledger: uint32(limits.LEDGER_VERSION),
  overlay: uint32(limits.OVERLAY_VERSION),
  overlayMin: uint32(limits.OVERLAY_MIN_VERSION)
})

/** Where a node listens. */
export const Listen = Schema.Struct({
  /** An IPv4 address of this machine; `0.0.0.0` is all of them. */
  host: Schema.String.pipe(Schema.withConstructorDefault(Effect.succeed("0.0.0.0"))),
  /** 0 takes any free port. */
  port: Schema.Port.pipe(Schema.withConstructorDefault(Effect.succeed(limits.DEFAULT_PORT)))
})

/** Credit that we grant to each peer, and what may be in process at once. */
export const CreditOptions = Schema.Struct({
  messages: positive(limits.CREDIT_MESSAGES),
  bytes: positive(limits.CREDIT_BYTES),
  batchMessages: positive(limits.CREDIT_BATCH_MESSAGES),
  batchBytes: positive(limits.CREDIT_BATCH_BYTES),
  readingMessages: positive(limits.READING_MESSAGES),
  readingBytes: positive(limits.READING_BYTES)
}).check(
  Schema.makeFilter((credit) =>
    credit.batchMessages <= credit.messages && credit.batchBytes <= credit.bytes
      && credit.readingMessages > credit.messages
      ? undefined
      : "a batch must fit the credit, and readingMessages must be above messages, or a full window could never be given back"
  ),
  Schema.makeFilter((credit) =>
    credit.bytes - credit.batchBytes >= limits.MAX_CLASSIC_TRANSACTION_BYTES
      ? undefined
      : `bytes less batchBytes must hold the longest transaction (${limits.MAX_CLASSIC_TRANSACTION_BYTES}), or that could wait for ever`
  )
)

/** Everything that can be chosen about a Stellar node. */
export class StellarConfig extends Schema.Class<StellarConfig>("effect-overlay/services/stellar/StellarConfig")({
  /** Two networks with different passphrases cannot speak to each other. */
  passphrase: Schema.NonEmptyString,
  /** The node's seed (`S...`). Without one, a new identity is made at each start. */
  seed: Schema.optionalKey(Schema.Redacted(Schema.String)),
  versions: Versions.pipe(Schema.withConstructorDefault(Effect.succeed({}))),
  /** What HELLO says of the software. Filled in with this package's name and version. */
  versionText: Schema.optionalKey(Schema.String.check(Schema.isMaxLength(limits.MAX_TEXT_BYTES))),

  /** Absent: the node does not listen. */
  listen: Schema.optionalKey(Listen),
  /** The port that HELLO announces; otherwise the one really bound, or 11625 if we do not listen. */
  advertisePort: Schema.optionalKey(port),
  /** Addresses to dial, `host[:port]`. */
  knownPeers: texts,
  /** Addresses to dial first and to keep. */
  preferredPeers: texts,
  /** Whom to prefer wherever they are: public keys (`G...`; core: PREFERRED_PEER_KEYS). They are known only once they have proven them. */
  preferredPeerKeys: texts,
  /** Whether others than preferred peers are turned away, in both directions (core: PREFERRED_PEERS_ONLY). */
  preferredPeersOnly: flag(false),
  /** Whether addresses of private and local networks are believed in PEERS and told to others. */
  allowLocalAddresses: flag(false),
  /**
   * Who may survey this node: public keys (`G...`; core: SURVEYOR_KEYS). Of nobody named, nobody may: who is in the quorum, whom
   * core lets then, this node does not know. The node itself always may.
   */
  surveyorKeys: texts,
  /** Whether the node takes part in consensus, which only surveys are told (core: NODE_IS_VALIDATOR). */
  isValidator: flag(false),

  maxInbound: count(limits.MAX_INBOUND),
  maxOutbound: count(limits.TARGET_OUTBOUND),
  targetOutbound: count(limits.TARGET_OUTBOUND),
  targetOutboundWithoutInbound: count(limits.TARGET_OUTBOUND_WITHOUT_INBOUND),
  maxPendingInbound: count(limits.MAX_PENDING_INBOUND),
  maxPendingOutbound: count(limits.MAX_PENDING_OUTBOUND),
  maxPendingPerIp: count(limits.MAX_PENDING_PER_IP),
  /**
   * One /24 holds at most one in so many of `maxInbound` and of `maxPendingInbound`, and one IP one in so many of `maxInbound`; at least
   * two. 1: no limit. Loopback, addresses of the configuration, preferred keys, and local networks where they are allowed, are exempt.
   */
  subnetShare: positive(limits.SUBNET_SHARE),
  ipShare: positive(limits.IP_SHARE),
  /** Inbound connections a second from one /24; what comes beyond it is closed before it says anything. 0: no limit. Exempt as above. */
  subnetRate: count(limits.CONNECTIONS_PER_SUBNET_SECOND),
  /** Whether peers are refused whose certificate is valid for more than a day. Otherwise that is counted, and shown of the peer. */
  strictCertificates: flag(false),
  dialsPerTick: count(limits.DIALS_PER_TICK),
  connectionTick: time(limits.CONNECTION_TICK_MILLIS),

  connectTimeout: time(limits.CONNECT_TIMEOUT_MILLIS),
  handshakeTimeout: time(limits.HANDSHAKE_TIMEOUT_MILLIS),
  handshakeSilenceTimeout: time(limits.HANDSHAKE_SILENCE_TIMEOUT_MILLIS),
  peerBeat: time(limits.PEER_BEAT_MILLIS),
  idleTimeout: time(limits.IDLE_TIMEOUT_MILLIS),
  noCreditTimeout: time(limits.NO_CREDIT_TIMEOUT_MILLIS),
  stragglerTimeout: time(limits.STRAGGLER_TIMEOUT_MILLIS),

  credit: CreditOptions.pipe(Schema.withConstructorDefault(Effect.succeed({}))),
  floodTtl: time(limits.FLOOD_TTL_MILLIS),
  floodEntries: positive(limits.FLOOD_GATE_ENTRIES),
  /** Flood messages a second that one peer may make us work on; beyond it they are dropped, counted, credit returned. 0: no limit. */
  floodRate: count(0),
  transactionFlood: TransactionFlood.pipe(Schema.withConstructorDefault(Effect.succeed("pull" as const))),
  advertPeriod: time(limits.ADVERT_PERIOD_MILLIS),
  demandPeriod: time(limits.DEMAND_PERIOD_MILLIS),
  /** The next peer is asked for a transaction after this times the number of those asked, two seconds at most. */
  demandBackoff: time(limits.DEMAND_BACKOFF_MILLIS),
  /** Bytes of transactions that wait for one peer. Beyond it the oldest of who sent most are shed. */
  outboundTransactionBytes: positive(limits.OUTBOUND_TRANSACTION_BYTES),
  /** Whether the node shows what it counts among Effect's metrics, under core's names. That costs nothing until somebody looks. */
  metrics: flag(true)
}) {}

/** What may be given to make a configuration; everything but the passphrase has a default. */
export type StellarConfigInput = ConstructorParameters<typeof StellarConfig>[0]

/** Everything but the passphrase, which a preset brings. */
export type Overrides = Partial<StellarConfigInput>

/** Flood messages a second from one peer on a public network: ten times what a busy ledger brings. Ours. */
const PUBLIC_FLOOD_RATE = 1000

/** A node of the test network: knows SDF's three nodes there. */
export const testnet = (overrides: Overrides = {}): StellarConfig =>
  new StellarConfig({
    passphrase: networks.testnet.passphrase,
    knownPeers: networks.testnet.peers,
    floodRate: PUBLIC_FLOOD_RATE,
    ...overrides
  })

/** A node of the public network: knows SDF's three nodes there. */
export const pubnet = (overrides: Overrides = {}): StellarConfig =>
  new StellarConfig({
    passphrase: networks.pubnet.passphrase,
    knownPeers: networks.pubnet.peers,
    floodRate: PUBLIC_FLOOD_RATE,
    ...overrides
  })

/** A node of a network of one's own: addresses of local networks are believed, and floods have no rate limit. */
export const privateNetwork = (passphrase: string, overrides: Overrides = {}): StellarConfig =>
  new StellarConfig({ passphrase, allowLocalAddresses: true, ...overrides })
