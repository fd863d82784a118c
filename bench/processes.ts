/**
 * Two children, one for each end of a connection, and what each of them needed.
 */
import { Data, Duration, Effect, type Scope } from "effect"
import { type ChildProcess, fork } from "node:child_process"
import { fileURLToPath } from "node:url"
import type { Answer, Command, Measured, Order, SideName, Window } from "./protocol.ts"

/** Says that a measurement came to nothing. */
export class RunFailed extends Data.TaggedError("RunFailed")<{ readonly message: string }> {}

/** What both ends needed in one run. */
export interface Pair {
  /** The end that was called: receiver or acceptor. */
  readonly called: Measured
  /** The end that called: sender or caller. */
  readonly calling: Measured
}

/** Options of Node for the children, such as those of its profiler. */
export interface ChildOptions {
  readonly execArgv: ReadonlyArray<string>
}

/** No run takes this long, unless it hangs. */
const PATIENCE = Duration.minutes(2)
const WARM_UP_MILLIS = 1500

interface Child {
  readonly port: number
  readonly tell: (command: Command) => Effect.Effect<void>
  readonly answer: <Tag extends Answer["_tag"]>(tag: Tag) => Effect.Effect<Extract<Answer, { _tag: Tag }>, RunFailed>
}

const isTagged = <Tag extends Answer["_tag"]>(answer: Answer, tag: Tag): answer is Extract<Answer, { _tag: Tag }> =>
  answer._tag === tag

const listenTo = (child: ChildProcess) => {
  const answers: Array<Answer> = []
  let look = (): void => {}
  const hear = (answer: Answer): void => {
    answers.push(answer)
    look()
  }
  child.on("message", (answer: Answer) => hear(answer))
  child.on("exit", (code) => hear({ _tag: "Failed", text: `a child ended with ${code}` }))

  const answer: Child["answer"] = (tag) =>
    Effect.callback((resume) => {
      look = () => {
        for (const answer of answers) {
          if (answer._tag === "Failed") return resume(Effect.fail(new RunFailed({ message: answer.text })))
          if (isTagged(answer, tag)) return resume(Effect.succeed(answer))
        }
      }
      look()
    })
  return answer
}

const start = (order: Order, { execArgv }: ChildOptions): Effect.Effect<Child, RunFailed, Scope.Scope> =>
  Effect.gen(function*() {
    const child = yield* Effect.acquireRelease(
      Effect.sync(() =>
        fork(fileURLToPath(new URL("./worker.ts", import.meta.url)), [JSON.stringify(order)], {
          execPath: process.execPath,
          execArgv: [...execArgv],
          // What a child prints is not the answer.
          stdio: ["ignore", 2, 2, "ipc"]
        })
      ),
      (child) =>
        Effect.callback<void>((resume) => {
          if (child.exitCode !== null || child.signalCode !== null) return resume(Effect.void)
          child.once("exit", () => resume(Effect.void))
          if (child.connected) child.disconnect()
          else child.kill()
        })
    )
    const answer = listenTo(child)
    const tell = (command: Command) =>
      Effect.sync(() => {
        child.send(command)
      })
    const { port } = yield* answer("Ready")
    return { port, tell, answer }
  })

const measure = (called: Child, calling: Child, meanwhile: Effect.Effect<unknown, RunFailed>) =>
  Effect.gen(function*() {
    yield* Effect.all([called.tell("begin"), calling.tell("begin")])
    yield* meanwhile
    yield* Effect.all([called.tell("finish"), calling.tell("finish")])
    const [ofCalled, ofCalling] = yield* Effect.all([called.answer("Measured"), calling.answer("Measured")])
    return { called: ofCalled.measured, calling: ofCalling.measured } satisfies Pair
  })

const patiently = <A>(run: Effect.Effect<A, RunFailed, Scope.Scope>): Effect.Effect<A, RunFailed> =>
  Effect.timeoutOrElse(Effect.scoped(run), {
    duration: PATIENCE,
    orElse: () => Effect.fail(new RunFailed({ message: "a run took too long" }))
  })

/** Sends messages of `size` bytes for some seconds. */
export const runLink = (
  side: SideName,
  size: number,
  window: Window,
  seconds: number,
  options: ChildOptions
): Effect.Effect<Pair, RunFailed> =>
  patiently(Effect.gen(function*() {
    const receiver = yield* start({ role: "receiver", side, size, window }, options)
    const sender = yield* start({ role: "sender", side, size, window, port: receiver.port }, options)
    yield* Effect.sleep(Duration.millis(WARM_UP_MILLIS))
    return yield* measure(receiver, sender, Effect.sleep(Duration.seconds(seconds)))
  }))

/** Does so many handshakes, each with a caller that the acceptor has never met. */
export const runHandshakes = (
  callerSide: SideName,
  acceptorSide: SideName,
  counts: { readonly warmUp: number; readonly handshakes: number },
  options: ChildOptions
): Effect.Effect<Pair, RunFailed> =>
  patiently(Effect.gen(function*() {
    const acceptor = yield* start({ role: "acceptor", side: acceptorSide }, options)
    const caller = yield* start({ role: "caller", side: callerSide, port: acceptor.port, ...counts }, options)
    return yield* measure(acceptor, caller, caller.answer("WorkDone"))
  }))
