/**
 * The disk of a simulated node: what was committed on it outlives the node, and it can be slow, full, broken, or lose its node.
 *
 * One operation follows the other, as on the one connection of a database. What a store was told is done is there after a crash;
 * what was under way then may be there or not, which the disk's random numbers decide.
 */
import { Data, Effect } from "effect"
import type { Ban } from "../../core/Ban.ts"
import type { PeerId } from "../../core/PeerId.ts"
import type { Prng } from "../../core/Prng.ts"
import type { PeerTable } from "../memory/MemoryPeerStore.ts"
import type { Timer, World } from "./World.ts"

/** Says why a disk did not do something: it is `full` or `broken`, or its node has crashed and does not have it any more (`gone`). */
export class DiskError extends Data.TaggedError("DiskError")<{
  readonly reason: "full" | "broken" | "gone"
  readonly message: string
}> {}

const full = () => new DiskError({ reason: "full", message: "database or disk is full" })
const broken = () => new DiskError({ reason: "broken", message: "disk I/O error" })
const gone = () => new DiskError({ reason: "gone", message: "the node has crashed, and this was its disk" })

/** The disk as one life of its node has it, from a start to the next crash. */
export interface Mount {
  /**
   * Does a synchronous operation when its turn has come and the disk's latency is over, whole or not at all.
   *
   * Fails with a `DiskError`, and then nothing has been changed, except after a crash: then it may have been done. So it may be, too,
   * when who waits for it is interrupted.
   */
  readonly run: <A, E>(kind: "read" | "write", operation: Effect.Effect<A, E>) => Effect.Effect<A, E | DiskError>
}

/** A disk; see `make`. */
export interface VirtualDisk {
  /** Every operation takes so long from now on (whole microseconds); 0, as at first, is at once. */
  readonly slow: (latencyMicros: number) => void
  /** Refuses every write from now on. */
  readonly fill: () => void
  /** Refuses so many of a thousand operations from now on, drawn one by one; without a number all of them. */
  readonly fail: (perMille?: number) => void
  /** Makes the disk as good as new: fast, with room, whole. What it holds stays. */
  readonly recover: () => void
  /**
   * Takes the disk from its node, at this instant: of the operations under way some have been done and some not, and whoever still
   * has the old mount gets errors. Call it when the node is killed, before it is built again; faults of the disk stay.
   */
  readonly crash: () => void
  /** Gives the disk to a node that starts. */
  readonly mount: () => Mount
  /** What has been committed. A store works on it, inside of `Mount.run`. */
  readonly committed: { readonly peers: PeerTable; readonly bans: Map<PeerId, Ban> }
}

/** An operation that waits; there are no more of them than fibers that wait for one. */
interface Pending {
  readonly timer: Timer
  /** Ends the waiting: the operation has been done, or not, and nobody is told which. */
  readonly crash: (done: boolean) => void
}

/** Makes an empty disk. `prng` is its own: it decides what a crash leaves of the operations under way. */
export const make = (world: Pick<World, "after" | "nowMicros">, prng: Pick<Prng, "chance">): VirtualDisk => {
  const pending = new Set<Pending>()
  let latencyMicros = 0
  let isFull = false
  let brokenPerMille = 0
  /** When the last of the operations under way is done. */
  let busyUntilMicros = 0
  let life = 0

  /** Whether an operation that was cut short has been done. */
  const drawn = (): boolean => prng.chance(1, 2)

  const attempt = <A, E>(kind: "read" | "write", operation: Effect.Effect<A, E>): Effect.Effect<A, E | DiskError> =>
    Effect.suspend((): Effect.Effect<A, E | DiskError> => {
      // Drawn only while something is broken: a healthy disk takes nothing from the stream.
      if (brokenPerMille > 0 && prng.chance(brokenPerMille, 1000)) return Effect.fail(broken())
      return isFull && kind === "write" ? Effect.fail(full()) : operation
    })

  const inTurn = <A, E>(attempted: Effect.Effect<A, E | DiskError>): Effect.Effect<A, E | DiskError> =>
    Effect.callback<A, E | DiskError>((resume) => {
      const now = world.nowMicros()
      busyUntilMicros = Math.max(now, busyUntilMicros) + latencyMicros
      const timer = world.after(busyUntilMicros - now, () => {
        pending.delete(waiting)
        resume(attempted)
      })
      const waiting: Pending = {
        timer,
        crash: (done) => {
          // What is done is done on the spot, for the node may be built again in this instant; but its old fiber, if it still
          // lives, hears of the crash later, not in the middle of it.
          const result = done ? Effect.exit(attempted) : Effect.void
          resume(result.pipe(Effect.andThen(Effect.yieldNow), Effect.andThen(Effect.fail(gone()))))
        }
      }
      pending.add(waiting)
      return Effect.suspend(() => {
        timer.cancel()
        pending.delete(waiting)
        return drawn() ? Effect.exit(attempted) : Effect.void
      })
    })

  return {
    slow: (micros) => {
      latencyMicros = micros
    },
    fill: () => {
      isFull = true
    },
    fail: (perMille = 1000) => {
      brokenPerMille = perMille
    },
    recover: () => {
      latencyMicros = 0
      isFull = false
      brokenPerMille = 0
    },
    crash: () => {
      life++
      busyUntilMicros = 0
      const lost = [...pending]
      pending.clear()
      for (const { crash, timer } of lost) {
        timer.cancel()
        crash(drawn())
      }
    },
    mount: () => {
      const mountedIn = life
      return {
        run: (kind, operation) =>
          Effect.suspend(() => {
            if (mountedIn !== life) return Effect.fail(gone())
            const attempted = attempt(kind, operation)
            return latencyMicros === 0 && busyUntilMicros <= world.nowMicros() ? attempted : inTurn(attempted)
          })
      }
    },
    committed: { peers: { rows: [] }, bans: new Map() }
  }
}
