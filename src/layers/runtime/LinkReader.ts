/**
 * The reading half of a link, the same for every Transport: one reader at a time, who reads only while its fiber waits,
 * and who hears of the end once the bytes before it are delivered.
 */
import { Effect } from "effect"
import type { ChunkSink, LinkError } from "../../services/Transport.ts"

/** Starts and stops the flow of chunks. Neither may deliver a chunk before it returns. */
export interface Flow {
  readonly start: () => void
  readonly stop: () => void
}

/** Stands between what brings chunks and the fiber that reads them. */
export interface LinkReader {
  /** What `Link.read` promises. */
  readonly read: (sink: ChunkSink) => Effect.Effect<void, LinkError>
  /** Lends a chunk to the reader. Tells whether one is still reading: if not, the flow has to stop. */
  readonly deliver: (chunk: Uint8Array) => boolean
  /** Whether a fiber is waiting for chunks. */
  readonly isReading: () => boolean
  /** Tells this reader and all later ones how the link ended. Only the first end counts. */
  readonly finish: (error: LinkError) => void
  /** Makes what somebody else threw in a callback of the link the reader's defect. */
  readonly die: (defect: unknown) => void
}

interface Waiting {
  readonly sink: ChunkSink
  readonly resume: (result: Effect.Effect<void, LinkError>) => void
}

/** Makes the reading half over a flow of chunks. */
export const make = (flow: Flow): LinkReader => {
  let waiting: Waiting | undefined
  let outcome: Effect.Effect<never, LinkError> | undefined

  // The reader is forgotten before it resumes: resuming runs its fiber at once, and that may well read again.
  const leave = (reader: Waiting, result: Effect.Effect<void, LinkError>) => {
    waiting = undefined
    reader.resume(result)
  }

  const close = (result: Effect.Effect<never, LinkError>) => {
    if (outcome !== undefined) return
    outcome = result
    if (waiting !== undefined) leave(waiting, result)
  }

  const isReading = () => waiting !== undefined

  return {
    read: (sink) =>
      Effect.callback((resume) => {
        if (outcome !== undefined) return resume(outcome)
        if (waiting !== undefined) return resume(Effect.die(new Error("a link has one reader at a time")))
        const reader = { sink, resume }
        waiting = reader
        flow.start()
        return Effect.sync(() => {
          if (waiting !== reader) return
          waiting = undefined
          flow.stop()
        })
      }),
    deliver: (chunk) => {
      const reader = waiting
      if (reader === undefined) return false
      try {
        // The sink may have interrupted its own fiber; then nobody waits for its answer.
        if (!reader.sink(chunk) && waiting === reader) leave(reader, Effect.void)
      } catch (defect) {
        // Chunks arrive outside every fiber: what is thrown here would end the process.
        if (waiting === reader) leave(reader, Effect.die(defect))
      }
      return isReading()
    },
    isReading,
    finish: (error) => close(Effect.fail(error)),
    die: (defect) => close(Effect.die(defect))
  }
}
