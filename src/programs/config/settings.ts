/**
 * The options of stellar-core's configuration file that concern an overlay: each with its type, unit, bound and default.
 *
 * Names, defaults and bounds are stellar-core's; what of them this node does not use yet is checked all the same.
 */
import { Effect, Result, Schema, SchemaTransformation, Struct } from "effect"
import * as Host from "effect/net/Host"
import * as limits from "../../core/stellar/limits.ts"
import { decodeSeed, parsePeerId } from "../../core/stellar/StrKey.ts"

/** How a value is written. */
export type Kind = "integer" | "number" | "boolean" | "text" | "list"

/** What a person is told about an option. */
export interface About {
  readonly about: string
  readonly kind: Kind
  /** What one of it is, as `s`; empty for a text or a switch. */
  readonly unit: string
  /** Completes "expected: ". */
  readonly expected: string
  /** The same for an element of a list. */
  readonly element: string
  /** What in `StellarConfig` it sets; `undefined` as long as this node does not use it. */
  readonly sets: string | undefined
  /** Whether its value is never shown. */
  readonly isSecret: boolean
}

declare module "effect/Schema" {
  namespace Annotations {
    interface Annotations {
      readonly setting?: About | undefined
    }
  }
}

/** What all options are described by. */
interface Described {
  readonly about: string
  readonly sets?: string
}

const aboutOfKind = (
  kind: Kind,
  expected: string,
  { about, sets, unit = "" }: Described & { readonly unit?: string }
) => ({ setting: { about, kind, unit, expected, element: expected, sets, isSecret: false } satisfies About })

const INT32_MAX = 0x7fffffff
const UINT16_MAX = 0xffff

/** TOML tells `1` from `1.0`, and where a whole number belongs core refuses the second. */
const WholeNumber = Schema.BigInt.pipe(
  Schema.decodeTo(Schema.Int, SchemaTransformation.transform({ decode: Number, encode: BigInt }))
)

interface Range extends Described {
  readonly unit: string
  readonly fallback: number
  readonly minimum: number
  readonly maximum?: number
}

const integer = ({ fallback, maximum = INT32_MAX, minimum, ...rest }: Range) =>
  WholeNumber.check(Schema.isBetween({ minimum, maximum }))
    .annotate(aboutOfKind("integer", `a whole number from ${minimum} to ${maximum}`, rest))
    .pipe(Schema.withConstructorDefault(Effect.succeed(fallback)))

/** A number above 0, with or without a fraction. */
const factor = ({ fallback, maximum, ...rest }: Omit<Range, "minimum" | "unit">) =>
  Schema.Union([Schema.Finite, WholeNumber])
    .check(Schema.isBetween({ minimum: 0, exclusiveMinimum: true, maximum: maximum ?? Number.MAX_VALUE }))
    .annotate(
      aboutOfKind("number", maximum === undefined ? "a number above 0" : `a number above 0, at most ${maximum}`, rest)
    )
    .pipe(Schema.withConstructorDefault(Effect.succeed(fallback)))

const flag = ({ fallback, ...rest }: Described & { readonly fallback: boolean }) =>
  Schema.Boolean
    .annotate(aboutOfKind("boolean", "true or false", rest))
    .pipe(Schema.withConstructorDefault(Effect.succeed(fallback)))

const list = (element: Schema.Codec<string>, elementText: string, listText: string, rest: Described) => {
  const { setting } = aboutOfKind("list", `a list of ${listText}`, rest)
  return Schema.Array(element)
    .annotate({ setting: { ...setting, element: elementText } satisfies About })
    .pipe(Schema.withConstructorDefault(Effect.succeed([])))
}

/** What an address must look like; whether its host exists is asked when the node starts. */
export const PEER_ADDRESS_TEXT = `an IPv4 address or a name, with or without a port, as "host:${limits.DEFAULT_PORT}"`

const ADDRESS = /^([A-Za-z0-9.-]+)(?::([1-9]\d{0,4}))?$/

/**
 * Whether this is `host` or `host:port` (stellar-core's KNOWN_PEERS): IPv4 or a name, and a port from 1 to 65535. A seed could be
 * a name, and would be asked of a name server.
 */
export const isPeerAddress = (text: string): boolean => {
  const [, host, port = "1"] = ADDRESS.exec(text) ?? []
  return host !== undefined && Number(port) <= UINT16_MAX && Result.isSuccess(Host.hostFromString(host)) &&
    Result.isFailure(decodeSeed(host))
}

/** Splits `KEY name` (stellar-core's way to name a key where it stands) into both; the name may be left out. */
export const keyAndName = (text: string): readonly [key: string, name: string | undefined] => {
  const [key = "", name] = text.trim().split(/\s+/)
  return [key, name]
}

/** What refers to a key that is named elsewhere in the file. */
export const REFERENCE = "$"
/** What refers to a file that holds the seed. */
export const SEED_FILE = "$FILE:"

const isKey = (text: string): boolean => Result.isSuccess(parsePeerId(keyAndName(text)[0]))

const PeerAddress = Schema.String.check(Schema.makeFilter(isPeerAddress))
const NamedKey = Schema.String.check(Schema.makeFilter(isKey))
const KeyOrName = Schema.String.check(Schema.makeFilter((text) => /^\$\S+$/.test(text) || isKey(text)))
const Seed = Schema.String.check(
  Schema.makeFilter((text) =>
    (text.startsWith(SEED_FILE) && text.length > SEED_FILE.length) || Result.isSuccess(decodeSeed(keyAndName(text)[0]))
  )
)

const addresses = (rest: Described) => list(PeerAddress, PEER_ADDRESS_TEXT, "addresses", rest)
const keys = (rest: Described) =>
  list(KeyOrName, "a public key (G...), or $ and a name that the file gives one", "public keys", rest)

const node = {
  NETWORK_PASSPHRASE: Schema.optionalKey(Schema.NonEmptyString.annotate(aboutOfKind("text", "a text", {
    about: "The network: only nodes with the same passphrase speak to each other. Required.",
    sets: "passphrase"
  }))),
  NODE_SEED: Schema.optionalKey(
    Schema.RedactedFromValue(Seed).annotate({
      setting: {
        ...aboutOfKind("text", `a seed (S...), with or without a name behind it, or "${SEED_FILE}PATH"`, {
          about: "The node's identity, or the file that holds it. Without it a new one is made at each start.",
          sets: "seed"
        }).setting,
        isSecret: true
      }
    })
  ),
  NODE_IS_VALIDATOR: flag({
    fallback: false,
    about: "Whether the node takes part in consensus, which only surveys are told.",
    sets: "isValidator"
  }),
  NODE_HOME_DOMAIN: Schema.String
    .annotate(aboutOfKind("text", "a domain", {
      about: "The organization of the node: validators of the same HOME_DOMAIN are preferred peers, others known ones.",
      sets: "preferredPeers"
    }))
    .pipe(Schema.withConstructorDefault(Effect.succeed(""))),
  NODE_NAMES: list(NamedKey, "a public key (G...) and a name", "public keys with names", {
    about: "Names for public keys, which lists of keys may use with a $ before them.",
    sets: "surveyorKeys"
  }),
  RUN_STANDALONE: flag({ fallback: false, about: "Neither listen nor call anybody.", sets: "listen" })
}

const addressBook = {
  PEER_PORT: integer({
    unit: "TCP port",
    minimum: 1,
    maximum: UINT16_MAX,
    fallback: limits.DEFAULT_PORT,
    about: "Where the node listens, on all addresses of the machine.",
    sets: "listen"
  }),
  KNOWN_PEERS: addresses({
    about: "Nodes to call. Default: those that are known of a public network, unless PREFERRED_PEERS names some.",
    sets: "knownPeers"
  }),
  PREFERRED_PEERS: addresses({ about: "Nodes to call first and to keep.", sets: "preferredPeers" }),
  PREFERRED_PEER_KEYS: keys({ about: "Nodes to prefer, whatever their address.", sets: "preferredPeerKeys" }),
  PREFERRED_PEERS_ONLY: flag({
    fallback: false,
    about: "Keep no other peers than preferred ones.",
    sets: "preferredPeersOnly"
  })
}

const connections = {
  TARGET_PEER_CONNECTIONS: integer({
    unit: "peers",
    minimum: 1,
    maximum: UINT16_MAX,
    fallback: limits.TARGET_OUTBOUND,
    about: "Peers that the node calls. Reduced to a third of MAX_ADDITIONAL_PEER_CONNECTIONS and 3, if it is more.",
    sets: "maxOutbound"
  }),
  MAX_ADDITIONAL_PEER_CONNECTIONS: integer({
    unit: "peers",
    minimum: -1,
    maximum: UINT16_MAX,
    fallback: -1,
    about: "Peers that may call the node. -1: eight times TARGET_PEER_CONNECTIONS.",
    sets: "maxInbound"
  }),
  MAX_PENDING_CONNECTIONS: integer({
    unit: "links",
    minimum: 1,
    maximum: UINT16_MAX,
    fallback: limits.MAX_PENDING_INBOUND + limits.MAX_PENDING_OUTBOUND,
    about: "Links that are not authenticated yet, shared out between both directions as the peers are.",
    sets: "maxPendingInbound"
  }),
  PEER_AUTHENTICATION_TIMEOUT: integer({
    unit: "s",
    minimum: 1,
    maximum: UINT16_MAX,
    fallback: limits.HANDSHAKE_SILENCE_TIMEOUT_MILLIS / 1000,
    about: "How long a caller may say nothing before it is known. Rounds of dialling are a second longer apart.",
    sets: "handshakeSilenceTimeout"
  }),
  PEER_TIMEOUT: integer({
    unit: "s",
    minimum: 1,
    maximum: UINT16_MAX,
    fallback: limits.IDLE_TIMEOUT_MILLIS / 1000,
    about: "A peer to and from which nothing goes for so long is left.",
    sets: "idleTimeout"
  }),
  PEER_STRAGGLER_TIMEOUT: integer({
    unit: "s",
    minimum: 1,
    maximum: UINT16_MAX,
    fallback: limits.STRAGGLER_TIMEOUT_MILLIS / 1000,
    about: "A peer that does not take what is sent for so long is left.",
    sets: "stragglerTimeout"
  }),
  MAX_BATCH_WRITE_COUNT: integer({
    unit: "messages",
    minimum: 1,
    fallback: limits.WRITE_BATCH_MESSAGES,
    about: "Messages in one write. Here a write is what 64 KiB hold, or one longer message."
  }),
  MAX_BATCH_WRITE_BYTES: integer({
    unit: "bytes",
    minimum: 1,
    fallback: limits.WRITE_BATCH_BYTES,
    about: "Bytes in one write. Here a write is what 64 KiB hold, or one longer message."
  }),
  BACKGROUND_OVERLAY_PROCESSING: flag({ fallback: true, about: "Work for the overlay in a thread of its own." }),
  BACKGROUND_TX_SIG_VERIFICATION: flag({ fallback: true, about: "Check signatures of transactions in that thread." })
}

const flowControl = {
  PEER_READING_CAPACITY: integer({
    unit: "messages",
    minimum: 1,
    fallback: limits.READING_MESSAGES,
    about: "Messages of a peer that are in process at once. Above PEER_FLOOD_READING_CAPACITY.",
    sets: "credit.readingMessages"
  }),
  PEER_FLOOD_READING_CAPACITY: integer({
    unit: "messages",
    minimum: 1,
    fallback: limits.CREDIT_MESSAGES,
    about: "Flood messages that a peer may send ahead.",
    sets: "credit.messages"
  }),
  FLOW_CONTROL_SEND_MORE_BATCH_SIZE: integer({
    unit: "messages",
    minimum: 1,
    fallback: limits.CREDIT_BATCH_MESSAGES,
    about: "After so many flood messages credit goes back. At most PEER_FLOOD_READING_CAPACITY.",
    sets: "credit.batchMessages"
  }),
  PEER_FLOOD_READING_CAPACITY_BYTES: integer({
    unit: "bytes",
    minimum: 0,
    fallback: 0,
    about: "Flood bytes that a peer may send ahead. 0, together with the batch's: enough for the longest transaction.",
    sets: "credit.bytes"
  }),
  FLOW_CONTROL_SEND_MORE_BATCH_SIZE_BYTES: integer({
    unit: "bytes",
    minimum: 0,
    fallback: 0,
    about: "After so many flood bytes credit goes back. The longest transaction must fit what is left without it.",
    sets: "credit.batchBytes"
  }),
  PEER_TOTAL_READING_CAPACITY_BYTES: integer({
    unit: "bytes",
    minimum: 1,
    fallback: limits.READING_BYTES,
    about: "Bytes of a peer that are in process at once, beside the longest message.",
    sets: "credit.readingBytes"
  }),
  OUTBOUND_TX_QUEUE_BYTE_LIMIT: integer({
    unit: "bytes",
    minimum: 1,
    fallback: limits.OUTBOUND_TRANSACTION_BYTES,
    about: "Bytes of transactions that wait for one peer.",
    sets: "outboundTransactionBytes"
  })
}

const floods = {
  FLOOD_ADVERT_PERIOD_MS: integer({
    unit: "ms",
    minimum: 1,
    fallback: limits.ADVERT_PERIOD_MILLIS,
    about: "How long hashes of transactions are collected before they are told.",
    sets: "advertPeriod"
  }),
  FLOOD_DEMAND_PERIOD_MS: integer({
    unit: "ms",
    minimum: 1,
    fallback: limits.DEMAND_PERIOD_MILLIS,
    about: "How often transactions are asked for.",
    sets: "demandPeriod"
  }),
  FLOOD_DEMAND_BACKOFF_DELAY_MS: integer({
    unit: "ms",
    minimum: 1,
    fallback: limits.DEMAND_BACKOFF_MILLIS,
    about: "The n-th peer is asked for a transaction n times this after the one before.",
    sets: "demandBackoff"
  }),
  FLOOD_OP_RATE_PER_LEDGER: factor({
    fallback: limits.FLOOD_RATE_PER_LEDGER,
    about: "Operations are flooded at this times the pace at which ledgers take them."
  }),
  FLOOD_TX_PERIOD_MS: integer({
    unit: "ms",
    minimum: 1,
    fallback: 200,
    about: "How often classic transactions are flooded."
  }),
  FLOOD_SOROBAN_RATE_PER_LEDGER: factor({
    fallback: limits.FLOOD_RATE_PER_LEDGER,
    about: "Soroban transactions are flooded at this times the pace at which ledgers take them."
  }),
  FLOOD_SOROBAN_TX_PERIOD_MS: integer({
    unit: "ms",
    minimum: 1,
    fallback: 200,
    about: "How often Soroban transactions are flooded."
  }),
  FLOOD_ARB_TX_BASE_ALLOWANCE: integer({
    unit: "transactions",
    minimum: -1,
    fallback: 5,
    about: "Round trips between two assets that are flooded before they are damped. -1: never damped."
  }),
  FLOOD_ARB_TX_DAMPING_FACTOR: factor({
    maximum: 1,
    fallback: 0.8,
    about: "How strongly round trips are damped; more is stronger."
  }),
  EXPERIMENTAL_PARALLEL_TX_SET_DOWNLOAD: flag({
    fallback: false,
    about: "Fetch a set of transactions from several peers at once."
  }),
  TX_SET_DOWNLOAD_TIMEOUT: integer({
    unit: "ms",
    minimum: 1,
    fallback: 5000,
    about: "How long a set of transactions may take to come."
  })
}

const network = {
  SURVEYOR_KEYS: keys({
    about:
      "Who may survey the node. Empty: nobody else (stellar-core: who is in its quorum, which an overlay does not know).",
    sets: "surveyorKeys"
  }),
  MAX_SLOTS_TO_REMEMBER: integer({
    unit: "ledgers",
    minimum: 0,
    fallback: limits.LEDGERS_TO_REMEMBER,
    about: "Ledgers whose statements are kept for peers that ask."
  }),
  MAXIMUM_LEDGER_CLOSETIME_DRIFT: integer({
    unit: "s",
    minimum: 0,
    // Of all remembered ledgers and two more, but never above a minute and a half.
    fallback: Math.min((limits.LEDGERS_TO_REMEMBER + 2) * limits.LEDGER_CLOSE_MILLIS / 1000, 90),
    about: "How far the close time of a ledger may be from this node's clock."
  })
}

const tests = {
  ALLOW_LOCALHOST_FOR_TESTING: flag({
    fallback: false,
    about: "Believe peers that tell addresses of their own machine; here the same as the next one. " +
      "Default on a private network: true.",
    sets: "allowLocalAddresses"
  }),
  ALLOW_PRIVATE_ADDRESSES_FOR_TESTING: flag({
    fallback: false,
    about: "Believe peers that tell addresses of local networks. Default on a private network: true.",
    sets: "allowLocalAddresses"
  }),
  IGNORE_MESSAGE_LIMITS_FOR_TESTING: flag({ fallback: false, about: "Let messages be of any length." }),
  EXPERIMENTAL_TX_BATCH_MAX_SIZE: integer({
    unit: "transactions",
    minimum: 0,
    fallback: 0,
    about: "Transactions that are sent in one message. 0: one."
  }),
  ARTIFICIALLY_SET_SURVEY_PHASE_DURATION_FOR_TESTING: integer({
    unit: "min",
    minimum: 0,
    fallback: 0,
    about: "How long each phase of a survey takes. 0: as long as it should."
  }),
  ARTIFICIALLY_SKIP_CONNECTION_ADJUSTMENT_FOR_TESTING: flag({
    fallback: false,
    about: "Aim at as many peers as ever while nobody has called the node, instead of three.",
    sets: "targetOutboundWithoutInbound"
  })
}

/** What is chosen, by the names of stellar-core's options. `Settings.make({})` gives the defaults. */
export const Settings = Schema.Struct({
  ...node,
  ...addressBook,
  ...connections,
  ...flowControl,
  ...floods,
  ...network,
  ...tests
})
export type Settings = typeof Settings.Type

/** The same, as far as one source says something. */
export const SomeSettings = Settings.mapFields(Struct.map(Schema.optionalKey))
export type SomeSettings = typeof SomeSettings.Type

/** The name of an option. */
export type SettingName = keyof typeof Settings.fields

/** The options in the order in which people are shown them. */
export const sections: ReadonlyArray<{ readonly title: string; readonly names: ReadonlyArray<SettingName> }> = [
  { title: "The node", names: Struct.keys(node) },
  { title: "Addresses", names: Struct.keys(addressBook) },
  { title: "Connections", names: Struct.keys(connections) },
  { title: "Flow control", names: Struct.keys(flowControl) },
  { title: "Floods", names: Struct.keys(floods) },
  { title: "The network", names: Struct.keys(network) },
  { title: "For tests", names: Struct.keys(tests) }
]

/** The names of all options. */
export const settingNames: ReadonlyArray<SettingName> = sections.flatMap(({ names }) => names)

/** Whether an option is called so. */
export const isSettingName = (name: string): name is SettingName => Object.hasOwn(Settings.fields, name)

/** What a person is told about this option. */
export const aboutOf = (name: SettingName): About => {
  const field = Settings.fields[name]
  const about = Schema.resolveAnnotations(field)?.setting
  if (about === undefined) throw new Error(`${name} is not described`)
  return about
}
