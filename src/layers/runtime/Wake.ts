/**
 * Being woken once a turn, however often one is called.
 *
 * Waking never runs anything inside the caller: a broadcast to fifty peers puts fifty messages into outboxes, and only then,
 * in one task a peer, is anything sealed and written. That one task is what makes of many messages one write.
 */
import { Effect } from "effect"
import { Scheduler, type SchedulerDispatcher } from "effect/Scheduler"

/** Where the tasks of one node run: one dispatcher a node, so that one turn wakes all who are to be woken. */
export const nodeDispatcher: Effect.Effect<SchedulerDispatcher> = Effect.map(
  Scheduler,
  (scheduler) => scheduler.makeDispatcher()
)

/** A sticky flag with one handler, which runs in the next turn after a call of `notify`. */
export class Wake {
  private readonly dispatcher: SchedulerDispatcher
  private handler: (() => void) | undefined
  private onDefect: (defect: unknown) => void = () => {}
  private isSet = false
  private isScheduled = false

  constructor(dispatcher: SchedulerDispatcher) {
    this.dispatcher = dispatcher
  }

  /**
   * Sets or clears the handler. A call that came before it was set counts. What the handler throws goes to `onDefect`: it runs
   * outside every fiber, where a throw would end the process.
   */
  handle(handler: (() => void) | undefined, onDefect: (defect: unknown) => void = () => {}): void {
    this.handler = handler
    this.onDefect = onDefect
    if (this.isSet) this.schedule()
  }

  /** Asks for the handler to run. */
  notify(): void {
    if (this.isSet) return
    this.isSet = true
    this.schedule()
  }

  private schedule(): void {
    if (this.handler === undefined || this.isScheduled) return
    this.isScheduled = true
    this.dispatcher.scheduleTask(this.run, 0)
  }

  private readonly run = (): void => {
    this.isScheduled = false
    if (this.handler === undefined || !this.isSet) return
    // Cleared before the handler runs: a call from inside it is for the next turn, and is not lost.
    this.isSet = false
    try {
      this.handler()
    } catch (defect) {
      this.onDefect(defect)
    }
  }
}
