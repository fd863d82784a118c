/**
 * The `overlay` command: its verbs, and what a person sees when one fails. Starts when imported.
 */
import * as NodeServices from "@effect/platform-node/NodeServices"
import { Cause, Effect, Layer, Logger } from "effect"
import * as CliConfig from "effect/cli/CliConfig"
import * as CliError from "effect/cli/CliError"
import * as CliOutput from "effect/cli/CliOutput"
import * as Command from "effect/cli/Command"
import * as GlobalFlag from "effect/cli/GlobalFlag"
import { VERSION } from "../layers/stellar/versionText.ts"
import { CommandFailed } from "./CommandFailed.ts"
import { config } from "./config.ts"
import { demo } from "./demo.ts"
import { keygen } from "./keygen.ts"
import { tell } from "./printing.ts"
import { probe } from "./probe.ts"
import { run } from "./run.ts"
import { runProgram } from "./runProgram.ts"
import { simulate } from "./simulate.ts"
import { surveyNetwork } from "./survey.ts"

const overlay = Command.make("overlay").pipe(
  Command.withDescription(
    "Run, look at and try out nodes of Stellar's peer-to-peer overlay network. Answers go to stdout, logs to stderr. " +
      "Exit codes: 0 done, 1 failed or refused, 2 wrong usage, 130 interrupted."
  ),
  Command.withSubcommands([run, probe, surveyNetwork, demo, simulate, keygen, config]),
  Command.withExamples([
    { command: "overlay demo", description: "See a small network work on this machine" },
    { command: "overlay probe core-testnet1.stellar.org:11625", description: "Ask a node who it is" },
    { command: "overlay run --network testnet --data ./node", description: "Run a node of the test network" },
    { command: "overlay run --help", description: "See what a verb can do" }
  ])
)

/** Help that was asked for is an answer; help with a mistake in it is a complaint, and ends with the mistake. */
const presenter: CliOutput.Presenter = {
  present: (event) => {
    if (event._tag !== "InvalidInvocation") return CliOutput.defaultPresenter.present(event)
    const mistakes = event.errors.map(({ message }) => `overlay: ${message}`)
    const verb = event.commandPath.join(" ")
    return tell([...mistakes, "", `Usage: ${event.helpDoc.usage}`, `\`${verb} --help\` shows more.`].join("\n"))
  }
}

const report = (cause: Cause.Cause<unknown>): Effect.Effect<void> => {
  if (Cause.hasInterruptsOnly(cause)) return Effect.void
  const error = Cause.squash(cause)
  if (error instanceof CommandFailed) return tell(`overlay: ${error.message}`)
  // Told by the presenter already.
  if (CliError.isCliError(error)) return Effect.void
  return tell(`overlay: internal error. This is a defect: please report it with these lines.\n${Cause.pretty(cause)}`)
}

const machine = Layer.mergeAll(
  NodeServices.layer,
  CliOutput.layerPresenter(presenter),
  CliConfig.layer({
    builtIns: [GlobalFlag.Help, GlobalFlag.Version, GlobalFlag.Completions, GlobalFlag.LogLevel]
  }),
  Layer.succeed(Logger.LogToStderr, true)
)

runProgram(
  Command.run(overlay, { version: VERSION }).pipe(
    Effect.tapCause(report),
    Effect.provide(machine)
  )
)
