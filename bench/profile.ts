/**
 * Profiles of the children, for whoever wants to know where the time goes.
 */
import { Option } from "effect"
import * as Flag from "effect/cli/Flag"
import type { ChildOptions } from "./processes.ts"

/** Where to write profiles. */
export const profileFlag = Flag.String("profile").pipe(
  Flag.withMetavar("DIR"),
  Flag.withDescription("Write a V8 CPU profile of each child into this folder; figures are then too high"),
  Flag.optional
)

/** The options of Node that write a profile. */
export const profileArgs = (folder: Option.Option<string>, name: string): ChildOptions => ({
  execArgv: Option.match(folder, {
    onNone: () => [],
    onSome: (folder) => ["--cpu-prof", `--cpu-prof-dir=${folder}/${name}`]
  })
})
