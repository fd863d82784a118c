/**
 * Many seeds of one experiment over worker processes.
 */
import * as NodeWorker from "@effect/platform-node/NodeWorker"
import { Deferred, Effect } from "effect"
import * as Worker from "effect/workers/Worker"
import type { WorkerError } from "effect/workers/WorkerError"
import { fork } from "node:child_process"
import { extname, join } from "node:path"
import { type CommandFailed, failed } from "../CommandFailed.ts"
import type { Experiment } from "./Experiment.ts"
import type { News, Order } from "./swarmWorker.ts"

/** The worker beside this file: source where this is source, built where this is built. */
const WORKER = join(import.meta.dirname, `swarmWorker${extname(import.meta.filename)}`)
/** A run makes much that lives for an instant only: with room for more of it, less is taken for long-lived. */
const WORKER_FLAGS = ["--max-semi-space-size=64"]

/** What a swarm is to do. */
export interface Swarm {
  readonly experiment: Experiment
  readonly firstSeed: number
  readonly count: number
  readonly workers: number
}

/**
 * Runs all seeds from `firstSeed` on and tells of each as it comes, in no order. A seed whose run takes its process with it has
 * failed, and the others go on in a new one.
 */
export const runSwarm = Effect.fnUntraced(
  function*(swarm: Swarm, told: (news: News) => Effect.Effect<void>): Effect.fn.Return<
    void,
    CommandFailed,
    Worker.WorkerPlatform | Worker.Spawner
  > {
    const { count, experiment, firstSeed, workers } = swarm
    const end = firstSeed + count
    let next = firstSeed
    const hasSeeds = (): boolean => next < end

    /** One process, until there are no seeds left. Seeds that are begun are told to `begun`. */
    const live = Effect.fnUntraced(function*(id: number, begun: (seed: number | undefined) => void) {
      const platform = yield* Worker.WorkerPlatform
      const worker = yield* platform.spawn<News, Order>(id)
      const done = yield* Deferred.make<void>()
      const sendNext = Effect.suspend((): Effect.Effect<void, WorkerError> => {
        const seed = hasSeeds() ? next++ : undefined
        begun(seed)
        return seed === undefined
          ? Effect.asVoid(Deferred.succeed(done, undefined))
          : worker.send({ experiment, seed })
      })
      yield* sendNext
      yield* Effect.raceFirst(
        worker.run((news) => Effect.andThen(told(news), sendNext)),
        Deferred.await(done)
      )
    })

    const keepAlive = Effect.fnUntraced(function*(id: number) {
      while (hasSeeds()) {
        let running: number | undefined
        yield* Effect.catch(live(id, (seed) => running = seed), (error) =>
          running === undefined
            ? failed(`A worker of the swarm does not start: ${error.message}.`)
            : told({
              seed: running,
              failure: `the process of the run ended (${error.message})`,
              traceHash: undefined,
              deliveries: 0,
              cpuSeconds: 0
            }))
      }
    })
    const ids = Array.from({ length: Math.min(workers, count) }, (_, id) => id)
    yield* Effect.forEach(ids, keepAlive, { concurrency: "unbounded", discard: true })
  }
)

/** Workers as processes of their own: one that runs out of memory takes nobody with it. */
export const layer = NodeWorker.layer(() =>
  fork(WORKER, { execArgv: WORKER_FLAGS, serialization: "advanced", stdio: ["ignore", "ignore", "inherit", "ipc"] })
)
