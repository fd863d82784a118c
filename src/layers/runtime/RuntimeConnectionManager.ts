/**
 * A round of dialling every few seconds: one fiber draws from the book and dials, one looks up names, one sends feelers. The round
 * is in `DialRound`, the rest beside it; here they are put together.
 */
import type { Scope } from "effect"
import { type Duration, Effect, Layer } from "effect"
import type { AddressResolver } from "effect/net/AddressResolver"
import type { PeerAddress } from "../../core/PeerAddress.ts"
import { format } from "../../core/PeerAddress.ts"
import { isDialable, isOwn, isPrivate, isRoutable } from "../../core/RoutableAddress.ts"
import { ConnectionManager } from "../../services/ConnectionManager.ts"
import { Peers } from "../../services/Peers.ts"
import { PeerStore } from "../../services/PeerStore.ts"
import * as ConfiguredPeers from "./connecting/ConfiguredPeers.ts"
import * as DialRound from "./connecting/DialRound.ts"
import * as Dials from "./connecting/Dials.ts"
import * as Exchange from "./connecting/Exchange.ts"
import { sendFeeler } from "./connecting/Feelers.ts"
import * as LearnedAddresses from "./connecting/LearnedAddresses.ts"
import * as Promotion from "./connecting/Promotion.ts"

/** Whom to connect to, how many, and how fast. */
export interface ConnectionManagerOptions
  extends
    ConfiguredPeers.ConfiguredPeersOptions,
    Dials.DialsOptions,
    Omit<DialRound.DialRoundOptions, "target" | "seeksOthers">,
    Exchange.ExchangeOptions,
    Omit<LearnedAddresses.LearnedAddressesOptions, "isBelieved">
{
  /** Whether others than preferred peers are turned away. */
  readonly preferredOnly: boolean
  /** The port that we announce to peers. */
  readonly ownPort: () => number
  /** Where this node listens, if it does: it does not dial itself. */
  readonly listening: () => PeerAddress | undefined
  /** Outbound peers that are aimed at. */
  readonly targetOutbound: number
  /** The same while nobody has called us: perhaps nobody can, and we take less of what there is. */
  readonly targetOutboundWithoutInbound: number
  /** Time from the end of a round to the next. */
  readonly tick: Duration.Input
  /** Time until the first round. */
  readonly firstTickDelay: Duration.Input
  /** Whether addresses of local networks are believed when peers tell them, dialled, and told to others. */
  readonly allowLocalAddresses: boolean
  /** Addresses that one peer is told. */
  readonly sharedAddresses: number
  /** Time from one feeler to the next: see `FEELER_INTERVAL_MILLIS`. */
  readonly feelerInterval: Duration.Input
}

type Requirements = PeerStore | Peers | AddressResolver

/** Makes the keeper of one node. Its Scope ends its fibers, and the dials that are under way. */
export const make = Effect.fnUntraced(
  function*(
    options: ConnectionManagerOptions
  ): Effect.fn.Return<ConnectionManager["Service"], never, Requirements | Scope.Scope> {
    const store = yield* PeerStore
    const peers = yield* Peers

    const target = (): number =>
      peers.counts().inbound > 0 ? options.targetOutbound : options.targetOutboundWithoutInbound

    const isBelieved = (address: PeerAddress): boolean =>
      isDialable(address, { allowLocal: options.allowLocalAddresses })

    // What the operator wrote needs no belief.
    const mayBeDialed = (address: PeerAddress): boolean =>
      !isOwn(address, options.listening()) && (configured.kindOf(address) !== undefined || isBelieved(address))

    // Loopback is told where it is in the book: so does stellar-core, and whom it does not serve does not believe it.
    const isTold = ({ ip }: PeerAddress): boolean =>
      isRoutable(ip, { allowLocal: true }) && (options.allowLocalAddresses || !isPrivate(ip))

    const configured = ConfiguredPeers.make(options, store)
    const learned = LearnedAddresses.make({
      learnedAddresses: options.learnedAddresses,
      isBelieved: (address, from) => {
        // An address of the teller's machine with our port is most likely ours, as that peer sees it.
        const isOursAsSeen = address.ip === from.ip && address.port === options.ownPort()
        return !isOursAsSeen && !isOwn(address, options.listening()) && isBelieved(address)
      }
    }, store)
    const dials = yield* Dials.make(options, { peers, store, configured, mayBeDialed })
    const seeksOthers = !options.preferredOnly || options.preferredIds.size > 0
    const round = DialRound.make({ ...options, target, seeksOthers }, {
      store,
      peers,
      configured,
      learned,
      dials,
      exchange: Exchange.make(options, { configured, peers, store }),
      promote: Promotion.make({ store, peers, dials, mayBeDialed }),
      mayBeDialed
    })
    const { maxPendingOutbound } = options
    const feeler = sendFeeler({ store, peers, dials, mayBeDialed, maxPendingOutbound })

    const keepDialing = Effect.gen(function*() {
      yield* Effect.sleep(options.firstTickDelay)
      // Numeric addresses are there at once; for names that nobody answers the first round does not wait longer than for the next.
      yield* Effect.timeoutOption(configured.firstResolution, options.tick)
      const guarded = Effect.catchCause(
        round,
        (cause) => Effect.logError("a round of dialling failed; the next one tries again", cause)
      )
      return yield* Effect.forever(Effect.andThen(guarded, Effect.sleep(options.tick)))
    })

    const keepFeeling = Effect.forever(Effect.andThen(
      Effect.sleep(options.feelerInterval),
      Effect.catchCause(feeler, (cause) => Effect.logError("a feeler failed; the next one comes in its time", cause))
    ))

    yield* Effect.forkScoped(configured.keepResolving)
    yield* Effect.forkScoped(keepDialing)
    yield* Effect.forkScoped(keepFeeling)

    return ConnectionManager.of({
      learn: learned.learn,
      addressesFor: (receiver) =>
        // One more than is told, for the receiver's own may be among them.
        Effect.map(store.toShare(options.sharedAddresses + 1), (records) =>
          records
            .map(({ address }) => address)
            .filter((address) => format(address) !== format(receiver) && isTold(address))
            .slice(0, options.sharedAddresses)),
      configured: configured.kindOf,
      isPreferred: configured.isPreferred,
      mayBePreferred: (ip) => configured.addressesOf("preferred").some((address) => address.ip === ip),
      isConfigured: (ip) =>
        (["known", "preferred"] as const).some((kind) => configured.addressesOf(kind).some((one) => one.ip === ip)),
      status: () => ({
        ...dials.status(),
        ...learned.status(),
        target: target(),
        unresolved: configured.unresolved()
      })
    })
  }
)

/** Keeps the connections of one node, from when it is built. */
export const layer = (
  options: ConnectionManagerOptions
): Layer.Layer<ConnectionManager, never, Requirements> => Layer.effect(ConnectionManager, make(options))
