/**
 * How a command ends, and the one error with which it ends badly.
 */
import { Schema } from "effect"
import * as Runtime from "effect/Runtime"

/** What the process tells its caller at the end. */
export const ExitCode = {
  done: 0,
  /** It failed, or somebody refused. */
  failed: 1,
  /** The command was written wrongly. */
  usage: 2,
  /** A signal ended it before it was done (128 + SIGINT, as shells count). */
  interrupted: 130
} as const

/** Says to a person why a command did not do what it should: what, where, why, and what to do next. */
export class CommandFailed extends Schema.TaggedError<CommandFailed>()("CommandFailed", {
  message: Schema.String,
  exitCode: Schema.Literals([ExitCode.failed, ExitCode.usage])
}) {
  /** Read by the runtime when the command is over. */
  override readonly [Runtime.errorExitCode] = this.exitCode
}

/** It was tried and did not work, or somebody said no. */
export const failed = (message: string): CommandFailed => new CommandFailed({ message, exitCode: ExitCode.failed })

/** What was written on the command line cannot be meant. */
export const wrongUsage = (message: string): CommandFailed => new CommandFailed({ message, exitCode: ExitCode.usage })
