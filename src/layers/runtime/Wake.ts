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

/** Who is woken. */
export interface Sleeper {
  readonly woken: () => void
  /** What `woken` threw: it runs outside every fiber, where a throw would end the process. */
  readonly wokenBadly: (defect: unknown) => void
}

/** A sticky flag with one sleeper, who is woken in the next turn after a call of `notify`. */
export class Wake {
  private sleeper: Sleeper | undefined
  private isSet = false
  private isScheduled = false
  private readonly dispatcher: SchedulerDispatcher

  constructor(dispatcher: SchedulerDispatcher) {
    this.dispatcher = dispatcher
  }

  /** Sets or clears who is woken. A call that came before counts. */
  handle(sleeper: Sleeper | undefined): void {
    this.sleeper = sleeper
    if (this.isSet) this.schedule()
  }

  /** Asks for the sleeper to be woken. */
  notify(): void {
    if (this.isSet) return
    this.isSet = true
    this.schedule()
  }

  private schedule(): void {
    if (this.sleeper === undefined || this.isScheduled) return
    this.isScheduled = true
    this.dispatcher.scheduleTask(this.run, 0)
  }

  private readonly run = (): void => {
    this.isScheduled = false
    const { sleeper } = this
    if (sleeper === undefined || !this.isSet) return
    // Cleared before: a call from inside is for the next turn, and is not lost.
    this.isSet = false
    try {
      sleeper.woken()
    } catch (defect) {
      sleeper.wokenBadly(defect)
    }
  }
}
