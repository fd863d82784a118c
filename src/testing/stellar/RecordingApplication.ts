/**
 * The application of a simulated node: what `MemoryApplication` does, and a record of all that comes and goes.
 */
import { Effect, Layer } from "effect"
import * as MemoryApplication from "../../layers/stellar/MemoryApplication.ts"
import type { Crypto } from "../../services/Crypto.ts"
import { Application, type Flooded } from "../../services/stellar/Application.ts"

/** Who is told. */
export interface Recorder {
  /** The node says something itself. */
  readonly originated: (message: Flooded) => void
  /** Something came that the node had not seen; `isAccepted` is the verdict. */
  readonly received: (message: Flooded, isAccepted: boolean) => void
}

/** An application in memory whose comings and goings are told; each life of its node, each build of the layer, has a recorder of its own. */
export const layer = (
  options: MemoryApplication.MemoryApplicationOptions,
  makeRecorder: () => Recorder
): Layer.Layer<Application, never, Crypto> =>
  Layer.effect(
    Application,
    Effect.gen(function*() {
      const application = yield* MemoryApplication.make(options)
      const { judge } = application
      const recorder = makeRecorder()
      if (judge.answers === "later") return yield* Effect.die(new Error("an application in memory answers at once"))
      return {
        ...application,
        judge: {
          answers: "at once",
          receive: (batch) => {
            const verdicts = judge.receive(batch)
            batch.forEach((message, i) => {
              recorder.received(message, verdicts[i] === "relay" || verdicts[i] === "keep")
            })
            return verdicts
          }
        },
        originate: (message) => {
          recorder.originated(message)
          application.originate(message)
        }
      }
    })
  )
