/**
 * What a hostile peer is: an attack with a name, that runs wherever there is a Transport.
 *
 * An actor asks for links, crypto and randomness as services and for time from the Clock: the same one runs against a node in a
 * unit test, in a simulated network, and over TCP. Secrets and made-up bytes come from `SecureRandom`, choices from `Random`; with
 * both seeded, an attack is the same in each run.
 */
import { Deferred, Duration, Effect, type Scope } from "effect"
import * as SecureRandom from "effect/crypto/SecureRandom"
import type { PeerAddress } from "../../../core/PeerAddress.ts"
import type { Role } from "../../../core/Role.ts"
import { CONNECT_TIMEOUT_MILLIS } from "../../../core/stellar/limits.ts"
import type { Crypto } from "../../../services/Crypto.ts"
import { type Link, Transport } from "../../../services/Transport.ts"
import * as HandDrivenPeer from "../HandDrivenPeer.ts"
import { HostileSession } from "./HostileSession.ts"
import { type Outcome, Sightings } from "./Sightings.ts"

/** What an actor needs. */
export type Requirements = Transport | Crypto | SecureRandom.SecureRandom

/** What can be chosen about every actor. */
export interface HostileOptions {
  /** The network whose nodes are attacked: without it nobody gets past HELLO. */
  readonly passphrase: string
  /** The Ed25519 seed (32 bytes) of its identity, to be somebody in particular; otherwise it is new in each run. */
  readonly seed?: Uint8Array
  /** After this the actor leaves by itself, whatever it was doing. Default: 10 minutes. */
  readonly patience?: Duration.Duration
  /** Where it writes down what it sees: to look at while it runs, or after it was interrupted. */
  readonly sightings?: Sightings
}

/** What can be chosen about an actor that waits to be called. */
export interface AcceptorOptions extends HostileOptions {
  /** Told where it listens, before anybody can call. */
  readonly onListening?: (address: PeerAddress) => Effect.Effect<void>
  /** Links that it takes in all; when so many have ended, so does the actor. */
  readonly connections?: number
}

/** An attack with a name. */
export interface HostilePeer<in Options extends HostileOptions = HostileOptions> {
  /** Its name in fault plans. */
  readonly name: string
  /** What it does, in one sentence. */
  readonly does: string
  /** What an honest node must do about it, in one sentence. */
  readonly demands: string
  /** `caller`: it dials the node. `acceptor`: it listens, for the attack is one on who dials. */
  readonly role: Role
  /**
   * The attack: on the node at this address, or from this address (port 0 is any) on those who call. It runs until the honest node has
   * ended what there is to end, until its patience is over, or until it is interrupted; it never fails.
   */
  readonly attack: (
    options: Options
  ) => (address: PeerAddress) => Effect.Effect<Outcome, never, Requirements>
}

/** What an actor tells of itself. */
interface Described {
  readonly name: string
  readonly does: string
  readonly demands: string
}

/** What a connection of an actor does from when the link stands; behind it the connection is read to its end. */
export type Life = (session: HostileSession) => Effect.Effect<void>

/** Opens connections to the node under attack. */
export interface Caller {
  /** Dials, lives this life, reads to the end, and completes when the connection has ended; with keys of its own, or the actor's. */
  readonly connect: (life: Life, keys?: HandDrivenPeer.PeerKeys) => Effect.Effect<void>
  /** The same, but leaves when the life is over. */
  readonly visit: (life: Life, keys?: HandDrivenPeer.PeerKeys) => Effect.Effect<void>
  /** Keys of somebody new. */
  readonly newKeys: Effect.Effect<HandDrivenPeer.PeerKeys>
  /** So many bytes that mean nothing. */
  readonly randomBytes: (size: number) => Effect.Effect<Uint8Array>
}

const DEFAULT_PATIENCE = Duration.minutes(10)

/** Makes an actor that dials the node. */
export const caller = <Options extends HostileOptions>(
  described: Described,
  plot: (caller: Caller, options: Options) => Effect.Effect<void>
): HostilePeer<Options> => ({
  ...described,
  role: "caller",
  attack: (options) =>
    Effect.fnUntraced(function*(address) {
      const stage = yield* makeStage(options)
      const transport = yield* Transport
      const meet = (link: Link, keys: HandDrivenPeer.PeerKeys, life: Life) =>
        Effect.flatMap(stage.session(link, "caller", keys), (session) =>
          Effect.ensuring(life(session), Effect.sync(() => stage.sightings.onEnd(session.ending()))))
      const visit: Caller["visit"] = (life, keys = stage.keys) =>
        Effect.scoped(
          Effect.matchEffect(transport.dial(address, { timeout: Duration.millis(CONNECT_TIMEOUT_MILLIS) }), {
            onFailure: ({ reason }) =>
              Effect.sync(() => stage.sightings.onEnd({ _tag: "NoLink", reason })),
            onSuccess: (link) => meet(link, keys, life)
          })
        )
      return yield* stage.run(
        described.name,
        plot({
          connect: (life, keys) => visit((session) => Effect.andThen(life(session), session.readOn), keys),
          visit,
          newKeys: stage.newKeys,
          randomBytes: stage.randomBytes
        }, options)
      )
    })
})

/** Makes an actor that listens. `plot` gives the life of each connection; what they share, it makes once. */
export const acceptor = <Options extends AcceptorOptions>(
  described: Described & { readonly connections: number },
  plot: (tools: Pick<Caller, "randomBytes">, options: Options) => Effect.Effect<Life>
): HostilePeer<Options> => ({
  name: described.name,
  does: described.does,
  demands: described.demands,
  role: "acceptor",
  attack: (options) =>
    Effect.fnUntraced(function*(address) {
      const stage = yield* makeStage(options)
      const transport = yield* Transport
      const life = yield* plot(stage, options)
      const over = yield* Deferred.make<void>()
      const connections = options.connections ?? described.connections
      let taken = 0
      let ended = 0
      const end = (session: HostileSession): Effect.Effect<unknown> =>
        Effect.suspend(() => {
          stage.sightings.onEnd(session.ending())
          ended += 1
          return ended === connections ? Deferred.succeed(over, undefined) : Effect.void
        })
      const onLink = (link: Link): Effect.Effect<void, never, Scope.Scope> => {
        if (taken === connections) return Effect.void
        taken += 1
        return Effect.flatMap(stage.session(link, "acceptor", stage.keys), (session) =>
          Effect.ensuring(Effect.andThen(life(session), session.readOn), end(session)))
      }
      const waiting = Effect.matchEffect(transport.listen(address, onLink), {
        onFailure: ({ reason }) =>
          Effect.sync(() => stage.sightings.onEnd({ _tag: "NoLink", reason })),
        onSuccess: (listener) =>
          Effect.andThen(options.onListening?.(listener.address) ?? Effect.void, Deferred.await(over))
      })
      return yield* stage.run(described.name, Effect.scoped(waiting))
    })
})

/** What callers and acceptors have in common. */
const makeStage = Effect.fnUntraced(function*({ passphrase, patience, seed, sightings }: HostileOptions) {
  const context = yield* Effect.context<Requirements>()
  const random = yield* SecureRandom.SecureRandom
  const seen = sightings ?? new Sightings()
  return {
    sightings: seen,
    keys: yield* HandDrivenPeer.makeKeys(seed),
    newKeys: Effect.provideContext(HandDrivenPeer.makeKeys(), context),
    randomBytes: (size: number) => random.randomBytes(size),
    session: (link: Link, role: Role, keys: HandDrivenPeer.PeerKeys) =>
      Effect.map(
        Effect.provideContext(HandDrivenPeer.open(link, { passphrase, role, keys }), context),
        (peer) => new HostileSession(peer, seen)
      ),
    run: (name: string, plot: Effect.Effect<void>): Effect.Effect<Outcome> =>
      Effect.map(Effect.timeoutOption(plot, patience ?? DEFAULT_PATIENCE), () => seen.outcome(name))
  }
})
