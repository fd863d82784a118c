/**
 * What becomes of a peer's flooded messages that are new: the application judges them, its verdicts are carried out, and their
 * credit goes back.
 *
 * Where the application answers at once, all of that happens within the chunk. What has to wait (an application that answers
 * later, a subscriber that asked to be waited for) stands in `inbox`, with its credit, and is taken up by a fiber that lives only
 * as long as there is something in it.
 */
import { Cause, Effect, Result } from "effect"
import type { DropReason } from "../../core/DropReason.ts"
import { Drop } from "../../core/stellar/DropReason.ts"
import { FloodPriority } from "../../core/stellar/FloodPriority.ts"
import { decodeMessage, MessageType } from "../../core/stellar/messages.ts"
import type { Received } from "../../services/Overlay.ts"
import type {
  Flooded,
  FloodedStatement,
  FloodedTransaction,
  Judge,
  StatementVerdict,
  TransactionVerdict
} from "../../services/stellar/Application.ts"
import type { Stellar } from "../../services/stellar/Overlay.ts"
import { bugOf } from "../runtime/Supervision.ts"
import type { SessionSurroundings } from "./SessionSurroundings.ts"
import { countBroadcast } from "./StellarCounters.ts"

/** The session whose messages these are. */
export interface IntakeOwner {
  /** Its number among those who are here: what it brings is known by it in the outboxes of others. */
  readonly slot: number
  readonly drop: (reason: DropReason) => void
  /** These messages are done with: their credit may go back. */
  readonly consumed: (items: ReadonlyArray<Flooded>) => void
}

/** Messages of one kind, at least one, that came in one chunk. */
type Batch = ReadonlyArray<FloodedStatement> | ReadonlyArray<FloodedTransaction>
type Verdicts = ReadonlyArray<StatementVerdict> | ReadonlyArray<TransactionVerdict>

const isOfStatements = (batch: Batch): batch is ReadonlyArray<FloodedStatement> => batch[0]!.kind === "SCP_MESSAGE"

const verdictsAtOnce = (judge: Extract<Judge, { answers: "at once" }>, batch: Batch): Verdicts =>
  isOfStatements(batch) ? judge.statements(batch) : judge.transactions(batch)

const verdictsLater = (judge: Judge, batch: Batch): Effect.Effect<Verdicts> => {
  if (judge.answers === "at once") return Effect.sync(() => verdictsAtOnce(judge, batch))
  return isOfStatements(batch) ? judge.statements(batch) : judge.transactions(batch)
}

/** What a subscriber gets. Well-formed bytes decode; if they do not, that is a defect of ours. */
const receivedOf = (item: Flooded): Received<Stellar> => ({
  _tag: "Received",
  from: item.from,
  kind: item.kind,
  hash: item.hash,
  bytes: item.bytes,
  value: () => Result.getOrThrow(decodeMessage(item.bytes))
})

/** The intake of one session. What it holds is bounded by the credit of its peer. */
export class FloodIntake {
  private readonly around: Pick<
    SessionSurroundings,
    "application" | "config" | "counters" | "fetching" | "floodGate" | "fork" | "pullFlood" | "tap"
  >
  private readonly owner: IntakeOwner
  private statements: Array<FloodedStatement> = []
  private transactions: Array<FloodedTransaction> = []
  private readonly inbox: Array<Batch> = []
  private isEmptyingInbox = false
  private hasLeft = false
  private leaveInbox: () => void = () => {}

  constructor(around: FloodIntake["around"], owner: IntakeOwner) {
    this.around = around
    this.owner = owner
  }

  /** Takes in a message that is well formed and new; it is judged with the others of its kind and chunk. */
  add(item: Flooded): void {
    if (item.kind === "SCP_MESSAGE") this.statements.push(item)
    else this.transactions.push(item)
  }

  /** Ends the fiber, if there is one. What was never judged is forgotten: nobody has it, and a later copy of it is new. */
  leave(): void {
    this.hasLeft = true
    this.leaveInbox()
    for (const items of this.inbox) {
      this.around.counters.floodUnjudged += items.length
      for (const { hash, kind } of items) this.around.floodGate.forget(MessageType[kind], hash)
    }
    this.inbox.length = 0
  }

  /** Has the messages of the chunk judged, now or when the application can: statements first, for consensus waits for them. */
  judge(): void {
    if (this.statements.length > 0) {
      const batch = this.statements
      this.statements = []
      this.judgeBatch(batch)
    }
    if (this.transactions.length > 0) {
      const batch = this.transactions
      this.transactions = []
      this.judgeBatch(batch)
    }
  }

  private judgeBatch(items: Batch): void {
    const { judge } = this.around.application
    if (judge.answers === "later" || this.isEmptyingInbox) {
      this.inbox.push(items)
      this.emptyInbox()
      return
    }
    const waiting = this.answered(items, () => verdictsAtOnce(judge, items))
    if (waiting === undefined) this.owner.consumed(items)
    // Waits for subscribers before the credit goes back, and only then takes up what came behind.
    else this.emptyInbox(Effect.andThen(waiting, Effect.sync(() => this.owner.consumed(items))))
  }

  /** Asks the application and does what it says. What is thrown meanwhile is a defect, and ends this peer alone. */
  private answered(items: Batch, ask: () => Verdicts): Effect.Effect<void> | undefined {
    try {
      return this.settle(items, ask())
    } catch (defect) {
      this.onDefect(items, defect)
      return undefined
    }
  }

  /** The messages stay known: another peer's copy of them shall not end that peer as well. */
  private onDefect(items: Batch, defect: unknown): void {
    this.around.counters.floodUnjudged += items.length
    for (const item of items) this.around.fetching.settled(item)
    this.owner.drop(bugOf(defect))
  }

  /** Does what the verdicts say; the Effect, if there is one, is what has to be waited for before the credit goes back. */
  private settle(items: Batch, verdicts: Verdicts): Effect.Effect<void> | undefined {
    if (verdicts.length !== items.length) {
      throw new Error(`the application gave ${verdicts.length} verdicts on ${items.length} messages`)
    }
    const accepted: Array<Received<Stellar>> | undefined = this.around.tap.hasSubscribers() ? [] : undefined
    for (let i = 0; i < items.length; i++) {
      const item = items[i]!
      const kind = MessageType[item.kind]
      const verdict = verdicts[i]
      // It stays known, so that its copies tell who else has it, and so what it waits for.
      if (typeof verdict === "object" && this.around.fetching.wait(item, verdict)) continue
      this.around.fetching.settled(item)
      switch (verdict) {
        case "ready":
        case "accepted":
          this.around.counters.floodRelayed += 1
          this.relay(item)
          break
        case "kept":
          break
        case "duplicate":
          continue
        case "malformed":
          this.around.floodGate.forget(kind, item.hash)
          this.owner.drop(Drop.MalformedByApplication)
          continue
        default:
          this.around.counters.floodForgotten += 1
          this.around.floodGate.forget(kind, item.hash)
          continue
      }
      accepted?.push(receivedOf(item))
    }
    return accepted === undefined || accepted.length === 0 ? undefined : this.around.tap.publish(accepted)
  }

  private relay(item: Flooded): void {
    const { floodGate, pullFlood } = this.around
    const { slot } = this.owner
    const told = floodGate.broadcast(
      MessageType[item.kind],
      item.hash,
      item.kind === "TRANSACTION"
        ? (peer) => pullFlood.advertise(peer, item.hash)
        : (peer) => peer.offer(FloodPriority.SCP_MESSAGE, item.bytes, slot)
    )
    countBroadcast(this.around, item.kind, told)
  }

  /** Takes up what waits, one batch after the other, in a fiber that lives as long as there is something. */
  private emptyInbox(before: Effect.Effect<void> = Effect.void): void {
    if (this.isEmptyingInbox) return
    this.isEmptyingInbox = true
    const leave = this.around.fork(
      Effect.catchDefect(
        Effect.gen({ self: this }, function*() {
          yield* before
          for (let items = this.inbox[0]; items !== undefined; items = this.inbox[0]) {
            const waiting = yield* this.judgeLater(items)
            if (waiting !== undefined) yield* waiting
            this.owner.consumed(items)
          }
          this.isEmptyingInbox = false
        }),
        (defect) => Effect.sync(() => this.owner.drop(bugOf(defect)))
      )
    )
    if (this.isEmptyingInbox) this.leaveInbox = leave
  }

  /** The verdicts on the first batch of the inbox, which leaves it with them. */
  private judgeLater(items: Batch): Effect.Effect<Effect.Effect<void> | undefined> {
    return Effect.matchCauseEffect(verdictsLater(this.around.application.judge, items), {
      onSuccess: (given) =>
        Effect.sync(() => {
          this.inbox.shift()
          return this.answered(items, () => given)
        }),
      onFailure: (cause) => {
        if (this.hasLeft) return Effect.failCause(cause)
        return Effect.sync(() => {
          this.inbox.shift()
          this.onDefect(items, Cause.squash(cause))
          return undefined
        })
      }
    })
  }
}
