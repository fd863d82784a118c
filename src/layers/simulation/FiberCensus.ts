/**
 * Which fibers live in the World, and what is known about those that wait.
 */
import { Context } from "effect"
import type { Fiber } from "effect"
import { WORLD_REPORT_ENTRIES, WORLD_REPORT_FRAMES } from "../../core/limits.ts"

/**
 * What fibers are called in reports: usually their node. Fibers inherit it from what started them; `World.fork` sets it, and
 * so does anyone with `Effect.provideService(FiberName, "node 7")`.
 */
export const FiberName: Context.Reference<string> = Context.Reference<string>(
  "effect-overlay/layers/simulation/FiberName",
  { defaultValue: () => "" }
)

/** Fibers that wait, and of which the same is known. */
export interface WaitingFibers {
  /** Their `FiberName`, or "". */
  readonly name: string
  /**
   * Where they are: the names of the traced functions (`Effect.fn("name")`) around them, the innermost first, or that of their
   * span; "" where there are neither. On what they wait nobody records: a parked fiber is known only to what will wake it.
   */
  readonly where: string
  /** How many. */
  readonly count: number
}

/** Fewer fibers than this are not worth looking through for those that have ended. */
const FIRST_SWEEP_FIBERS = 1024

/** The fibers that a scheduler has seen. Each is noted whenever it starts or wakes; those that ended are swept out in bulk. */
export class FiberCensus {
  private readonly fibers = new Set<Fiber.Fiber<unknown, unknown>>()
  private sweepAt = FIRST_SWEEP_FIBERS

  /** Notes a fiber that runs. */
  note(fiber: Fiber.Fiber<unknown, unknown>): void {
    this.fibers.add(fiber)
    if (this.fibers.size < this.sweepAt) return
    this.sweep()
    this.sweepAt = Math.max(FIRST_SWEEP_FIBERS, this.fibers.size * 2)
  }

  /** How many fibers have begun and not ended. */
  living(): number {
    this.sweep()
    return this.fibers.size
  }

  /** The living by what is known of them, the most frequent first, at most `WORLD_REPORT_ENTRIES` kinds. */
  waiting(): ReadonlyArray<WaitingFibers> {
    this.sweep()
    const kinds = new Map<string, { readonly name: string; readonly where: string; count: number }>()
    for (const fiber of this.fibers) {
      const name = fiber.getRef(FiberName)
      const where = placeOf(fiber)
      const key = JSON.stringify([name, where])
      const kind = kinds.get(key)
      if (kind === undefined) kinds.set(key, { name, where, count: 1 })
      else kind.count++
    }
    // The sort is stable: of equally frequent ones, the fiber that was seen first.
    return [...kinds.values()].sort((a, b) => b.count - a.count).slice(0, WORLD_REPORT_ENTRIES)
  }

  private sweep(): void {
    for (const fiber of this.fibers) {
      if (fiber.pollUnsafe() !== undefined) this.fibers.delete(fiber)
    }
  }
}

/** What Effect appends to the name of the frame that says where a traced function was written: it follows that of the call. */
const DEFINITION = " (definition)"

const placeOf = ({ cache }: Fiber.Fiber<unknown, unknown>): string => {
  const names: Array<string> = []
  for (let frame = cache.stackFrame; frame !== undefined && names.length < WORLD_REPORT_FRAMES; frame = frame.parent) {
    if (!frame.name.endsWith(DEFINITION)) names.push(frame.name)
  }
  if (names.length > 0) return names.join(" < ")
  return cache.span?._tag === "Span" ? cache.span.name : ""
}
