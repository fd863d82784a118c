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

type Resume = (result: Effect.Effect<void, LinkError>) => void

/**
 * Stands between what brings chunks and the fiber that reads them.
 *
 * One object with methods: a network of a thousand nodes has a million of these in its way each second.
 */
export class LinkReader {
  private readonly flow: Flow
  // The fiber that waits, if one does: both are there, or neither.
  private sink: ChunkSink | undefined
  private resume: Resume | undefined
  private outcome: Effect.Effect<never, LinkError> | undefined

  /** Makes the reading half over a flow of chunks. */
  constructor(flow: Flow) {
    this.flow = flow
  }

  /** What `Link.read` promises. */
  read(sink: ChunkSink): Effect.Effect<void, LinkError> {
    return Effect.callback((resume) => {
      if (this.outcome !== undefined) return resume(this.outcome)
      if (this.resume !== undefined) return resume(Effect.die(new Error("a link has one reader at a time")))
      this.sink = sink
      this.resume = resume
      this.flow.start()
      return Effect.sync(() => {
        if (this.resume !== resume) return
        this.forget()
        this.flow.stop()
      })
    })
  }

  /** Lends a chunk to the reader. Tells whether one is still reading: if not, the flow has to stop. */
  deliver(chunk: Uint8Array): boolean {
    const { resume, sink } = this
    if (resume === undefined || sink === undefined) return false
    try {
      // The sink may have interrupted its own fiber; then nobody waits for its answer.
      if (!sink(chunk) && this.resume === resume) this.leave(Effect.void)
    } catch (defect) {
      // Chunks arrive outside every fiber: what is thrown here would end the process.
      if (this.resume === resume) this.leave(Effect.die(defect))
    }
    return this.isReading()
  }

  /** Whether a fiber is waiting for chunks. */
  isReading(): boolean {
    return this.resume !== undefined
  }

  /** Tells this reader and all later ones how the link ended. Only the first end counts. */
  finish(error: LinkError): void {
    this.close(Effect.fail(error))
  }

  /** Makes what somebody else threw in a callback of the link the reader's defect. */
  die(defect: unknown): void {
    this.close(Effect.die(defect))
  }

  private close(outcome: Effect.Effect<never, LinkError>): void {
    if (this.outcome !== undefined) return
    this.outcome = outcome
    this.leave(outcome)
  }

  /** The reader is forgotten before it resumes: resuming runs its fiber at once, and that may well read again. */
  private leave(result: Effect.Effect<void, LinkError>): void {
    const { resume } = this
    this.forget()
    resume?.(result)
  }

  private forget(): void {
    this.sink = undefined
    this.resume = undefined
  }
}
