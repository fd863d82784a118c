/**
 * The flood gate over a table in memory, for the peers of this node.
 */
import { Duration, Effect, Layer } from "effect"
import { SecureRandom } from "effect/crypto"
import { FloodTable } from "../../core/FloodTable.ts"
import { HashKeys, SALT_BYTES } from "../../core/HashKeys.ts"
import { NONE } from "../../core/HashQueue.ts"
import { NO_SENDER } from "../../core/Outbox.ts"
import { FloodGate } from "../../services/FloodGate.ts"
import { Peers } from "../../services/Peers.ts"
import * as SteadyClock from "./SteadyClock.ts"

/** The bounds of the gate. */
export interface FloodGateOptions {
  /** Messages remembered at most; beyond it the oldest is forgotten. */
  readonly entries: number
  /** How long a message is remembered. */
  readonly ttl: Duration.Input
  /** Slot numbers of peers are below this. */
  readonly slots: number
}

/** Makes a gate. Its memory goes with it: there is nothing to release. */
export const make = Effect.fnUntraced(
  function*(
    options: FloodGateOptions
  ): Effect.fn.Return<FloodGate["Service"], never, Peers | SecureRandom.SecureRandom> {
    const peers = yield* Peers
    const random = yield* SecureRandom.SecureRandom
    const now = yield* SteadyClock.make
    const table = new FloodTable({
      keys: new HashKeys(yield* random.randomBytes(SALT_BYTES)),
      entries: options.entries,
      ttlMillis: Duration.toMillis(options.ttl),
      slots: options.slots
    })

    return FloodGate.of({
      receive: (kind, hash, from) => table.receive(kind, hash, from.slot, now()),
      has: (kind, hash) => table.find(kind, hash, now()) !== NONE,
      knows: (kind, hash, peer) => {
        const row = table.find(kind, hash, now())
        return row !== NONE && table.isTold(row, peer.slot)
      },
      bringer: (kind, hash) => {
        const row = table.find(kind, hash, now())
        return row === NONE ? NO_SENDER : table.bringer(row)
      },
      broadcast: (kind, hash, tell) => {
        const row = table.enter(kind, hash, now())
        const unaware = peers.all().filter((peer) => !table.isTold(row, peer.slot))
        const told = unaware.filter((peer) => tell(peer))
        // What was called may have changed the table, so the row is looked up anew.
        const after = table.find(kind, hash, now())
        if (after !== NONE) { for (const peer of told) table.tell(after, peer.slot) }
        return told.length
      },
      forget: (kind, hash) => {
        table.forget(kind, hash)
      },
      advance: (epoch, oldestKept) => table.advance(epoch, oldestKept),
      release: (slot) => table.release(slot),
      size: () => ({ entries: table.entries, bytes: table.bytes, evicted: table.evicted })
    })
  }
)

/** The flood gate of one node. */
export const layer = (
  options: FloodGateOptions
): Layer.Layer<FloodGate, never, Peers | SecureRandom.SecureRandom> => Layer.effect(FloodGate, make(options))
