/**
 * `npm run bench -- <name>`: measurements, each a command that prints its figures.
 */
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import * as NodeServices from "@effect/platform-node/NodeServices"
import { Cause, Effect, Layer, Logger } from "effect"
import * as CliError from "effect/cli/CliError"
import * as Command from "effect/cli/Command"
import { figuresCommand } from "./figures.ts"
import { handshake } from "./handshake.ts"
import { link } from "./link.ts"
import { parity } from "./parity.ts"
import { progress } from "./printing.ts"
import { RunFailed } from "./processes.ts"
import { simulation } from "./simulation.ts"

const bench = Command.make("bench").pipe(
  Command.withDescription(
    "Measure what the product costs. Figures are CPU time (user and system, of whole processes), as medians of interleaved "
      + "runs with their interquartile range; compare only figures of one call."
  ),
  Command.withSubcommands([link, handshake, parity, simulation, figuresCommand])
)

/** Complaints of the command line are told where they are found; all else here. */
const report = (cause: Cause.Cause<unknown>): Effect.Effect<void> => {
  const error = Cause.squash(cause)
  return CliError.isCliError(error) || Cause.hasInterruptsOnly(cause)
    ? Effect.void
    : progress(`bench: ${error instanceof RunFailed ? error.message : Cause.pretty(cause)}`)
}

NodeRuntime.runMain(
  Command.run(bench, { version: "1" }).pipe(
    Effect.tapCause(report),
    Effect.provide([NodeServices.layer, Layer.succeed(Logger.LogToStderr, true)])
  ),
  { disableErrorReporting: true }
)
