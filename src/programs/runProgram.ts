/**
 * The life of the process around a command: signals, a reader of stdout that went away, and the exit code.
 */
import { Cause, type Effect, Exit } from "effect"
import * as CliError from "effect/cli/CliError"
import * as Runtime from "effect/Runtime"
import { ExitCode } from "./CommandFailed.ts"

/** How long a command may take to end after a signal, in milliseconds: service managers and people wait about 5 s. */
const STOP_MILLIS = 4500

const exitCodeOf = <A, E>(exit: Exit.Exit<A, E>): number => {
  if (Exit.isSuccess(exit)) return ExitCode.done
  // To be stopped is a good end for some, and not being able to write a bad one: then the code is set already.
  if (Cause.hasInterruptsOnly(exit.cause)) return Number(process.exitCode ?? ExitCode.interrupted)
  const error = Cause.squash(exit.cause)
  if (CliError.isCliError(error)) {
    return error._tag === "ShowHelp" && error.errors.length === 0 ? ExitCode.done : ExitCode.usage
  }
  return Runtime.getErrorExitCode(error)
}

const run = Runtime.makeRunMain(({ fiber }) => {
  let isStopping = false

  const stop = (): void => {
    isStopping = true
    fiber.interruptUnsafe()
    setTimeout(() => {
      process.stderr.write(`overlay: still not stopped after ${STOP_MILLIS} ms; leaving.\n`)
      process.exit(ExitCode.failed)
    }, STOP_MILLIS).unref()
  }
  const onSignal = (): void => {
    if (isStopping) process.exit(ExitCode.interrupted)
    stop()
  }
  process.on("SIGINT", onSignal)
  process.on("SIGTERM", onSignal)

  process.stdout.on("error", (error: NodeJS.ErrnoException) => {
    // `overlay run | head -1`: whoever read has what they wanted. Anything else, as a full disk, is a failure.
    const isUnread = error.code === "EPIPE"
    process.exitCode = isUnread ? ExitCode.done : ExitCode.failed
    if (isStopping) return
    if (!isUnread) process.stderr.write(`overlay: the answer cannot be written: ${error.message}.\n`)
    stop()
  })

  fiber.addObserver((exit) => process.exit(exitCodeOf(exit)))
})

/** Runs the command as the program of this process. It reports its errors itself. */
export const runProgram = <E>(program: Effect.Effect<void, E>): void => run(program, { disableErrorReporting: true })
