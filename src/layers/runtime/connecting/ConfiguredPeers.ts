/**
 * What the configuration names: texts, what they resolve to, and when they are looked up again (protocol §8.5).
 */
import { Deferred, Duration, Effect } from "effect"
import type { AddressResolver } from "effect/net/AddressResolver"
import type { PeerAddress } from "../../../core/PeerAddress.ts"
import { format } from "../../../core/PeerAddress.ts"
import type { PeerId } from "../../../core/PeerId.ts"
import type { ConfiguredKind } from "../../../services/ConnectionManager.ts"
import type { PeerStore, PeerStoreError } from "../../../services/PeerStore.ts"
import { resolvePeerAddress } from "../resolvePeerAddress.ts"

/** The texts, and how often they are looked up. */
export interface ConfiguredPeersOptions {
  /** Addresses to dial, `host` or `host:port`. */
  readonly knownPeers: ReadonlyArray<string>
  /** Addresses to dial first and to keep, `host` or `host:port`. */
  readonly preferredPeers: ReadonlyArray<string>
  /** Peers that are preferred wherever they are. */
  readonly preferredIds: ReadonlySet<PeerId>
  /** The port of a configured text that names none. */
  readonly defaultPort: number
  /** Configured names are resolved anew after this long. */
  readonly resolveInterval: Duration.Input
  /** Until all names were found once, the n-th further try comes after n times this, at most `resolveInterval`. */
  readonly resolveRetry: Duration.Input
}

/** A text of the configuration and what has become of it. */
interface Configured {
  readonly text: string
  readonly kind: ConfiguredKind
  /** What it resolved to last. Stays when a later look-up fails. */
  address: PeerAddress | undefined
  /** Why the last look-up failed. */
  problem: string | undefined
  /** Whether the book is to be told of the address again. */
  isDue: boolean
  /** Whether the address is new, and its failures of earlier times are forgotten. */
  isNew: boolean
}

/** The peers that the operator named. */
export interface ConfiguredPeers {
  /** How this address is named, by what the texts resolve to now. */
  readonly kindOf: (address: PeerAddress) => ConfiguredKind | undefined
  /** Whether a peer is preferred, by where it listens or by the key that it has proven to hold. */
  readonly isPreferred: (address: PeerAddress, id: PeerId) => boolean
  /** The addresses that are known now, of this kind and of no stronger one. */
  readonly addressesOf: (kind: ConfiguredKind) => ReadonlyArray<PeerAddress>
  /** Texts for which there is no address. */
  readonly unresolved: () => ReadonlyArray<string>
  /** Tells the book what was found since it was told last. */
  readonly enter: Effect.Effect<void, PeerStoreError>
  /** Looks all texts up, again and again. */
  readonly keepResolving: Effect.Effect<never, never, AddressResolver>
  /** Completes when all texts were looked up once. */
  readonly firstResolution: Effect.Effect<void>
}

/** Known before preferred: an address that is both is entered as known first, and ends as preferred. */
const configurationOf = ({ knownPeers, preferredPeers }: ConfiguredPeersOptions): ReadonlyArray<Configured> => {
  const of = (kind: ConfiguredKind, texts: ReadonlyArray<string>): ReadonlyArray<Configured> =>
    [...new Set(texts)].map((text) => ({
      text,
      kind,
      address: undefined,
      problem: undefined,
      isDue: false,
      isNew: false
    }))
  return [...of("known", knownPeers), ...of("preferred", preferredPeers)]
}

/** Reads the configuration; nothing is looked up before `keepResolving` runs. */
export const make = (options: ConfiguredPeersOptions, store: PeerStore["Service"]): ConfiguredPeers => {
  const configuration = configurationOf(options)
  const resolved = Deferred.makeUnsafe<void>()

  const kindOf = (address: PeerAddress): ConfiguredKind | undefined => {
    // Of each peer that comes or is to be called: no texts are made.
    const { ip, port } = address
    return configuration.findLast((one) => one.address?.port === port && one.address.ip === ip)?.kind
  }

  const enterOne = Effect.fnUntraced(function*(one: Configured) {
    const { address } = one
    if (address === undefined || !one.isDue) return
    yield* store.observe(
      address,
      one.kind === "preferred" ? { kind: "preferred" } : { kind: "outbound", preferredIsKnown: false }
    )
    if (one.isNew) yield* store.reset(address)
    // A look-up may have ended meanwhile, with another address.
    if (one.address === address) {
      one.isDue = false
      one.isNew = false
    }
  })

  const resolveOne = Effect.fnUntraced(function*(one: Configured) {
    const problem = yield* resolvePeerAddress(one.text, options.defaultPort).pipe(
      Effect.map((address) => {
        one.isNew ||= one.address === undefined || format(one.address) !== format(address)
        one.isDue = true
        one.address = address
        return undefined
      }),
      Effect.catch((error) => Effect.succeed(error))
    )
    if (one.problem !== problem?.message) {
      yield* problem === undefined
        ? Effect.logInfo(`configured peer ${one.text}: found`)
        : Effect.logWarning(`configured peer ${one.text}: ${problem.message}`)
    }
    one.problem = problem?.message
    return problem?._tag === "UnknownHost"
  })

  // At once, so that no name waits for another; there are as many as the operator wrote.
  const resolveAll = Effect.forEach(configuration, resolveOne, { concurrency: "unbounded" }).pipe(
    Effect.map((failed) => !failed.includes(true)),
    Effect.catchCause((cause) => Effect.as(Effect.logError("looking up configured peers failed", cause), false))
  )

  return {
    kindOf,
    isPreferred: (address, id) => options.preferredIds.has(id) || kindOf(address) === "preferred",
    addressesOf: (kind) =>
      configuration.flatMap(({ address }) => address !== undefined && kindOf(address) === kind ? [address] : []),
    unresolved: () => configuration.filter((one) => one.address === undefined).map((one) => one.text),
    enter: Effect.forEach(configuration, enterOne, { discard: true }),
    keepResolving: Effect.gen(function*() {
      const interval = Duration.toMillis(options.resolveInterval)
      const retry = Duration.toMillis(options.resolveRetry)
      let wasComplete = false
      for (let tries = 1;; tries++) {
        wasComplete = (yield* resolveAll) || wasComplete
        yield* Deferred.succeed(resolved, undefined)
        yield* Effect.sleep(wasComplete ? interval : Math.min(interval, retry * tries))
      }
    }),
    firstResolution: Deferred.await(resolved)
  }
}
