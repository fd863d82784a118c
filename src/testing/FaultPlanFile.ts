/**
 * A plan of faults in a file: JSON that a person wrote, or that a run saved.
 */
import { type Result, Schema } from "effect"
import { type FaultPlan, PLAN_VERSION } from "../core/simulation/FaultPlan.ts"
import { problemsOf } from "../core/simulation/FaultPlanCheck.ts"
import { jsonFile } from "./jsonFile.ts"

const span = { fromMillis: Schema.Finite, toMillis: Schema.Finite }
const way = { source: Schema.Finite, target: Schema.Finite }
const where = Schema.Union([Schema.Struct({ host: Schema.Finite }), Schema.Struct(way)]).annotate({
  message: "Expected a host, or a source and a target"
})

const faults = Schema.Union([
  Schema.Struct({ kind: Schema.Literal("crash"), node: Schema.Finite, ...span }),
  Schema.Struct({ kind: Schema.Literal("stop"), node: Schema.Finite, ...span }),
  Schema.Struct({
    kind: Schema.Literal("hostile"),
    node: Schema.Finite,
    actor: Schema.NonEmptyString,
    options: Schema.Record(Schema.String, Schema.Union([Schema.Boolean, Schema.Finite, Schema.String])),
    ...span
  }),
  Schema.Struct({ kind: Schema.Literal("cut"), ...way, ...span }),
  Schema.Struct({ kind: Schema.Literal("partition"), groups: Schema.Array(Schema.Array(Schema.Finite)), ...span }),
  Schema.Struct({ kind: Schema.Literal("clog"), where, latencyMillis: Schema.Finite, ...span }),
  Schema.Struct({
    kind: Schema.Literal("flap"),
    ...way,
    downMillis: Schema.Finite,
    upMillis: Schema.Finite,
    ...span
  }),
  Schema.Struct({ kind: Schema.Literal("loss"), where, lostPerMille: Schema.Finite, ...span }),
  Schema.Struct({ kind: Schema.Literal("squeeze"), where, bytesPerSecond: Schema.Finite, ...span }),
  Schema.Struct({ kind: Schema.Literal("reset"), ...way, atMillis: Schema.Finite }),
  Schema.Struct({ kind: Schema.Literal("vanish"), host: Schema.Finite, ...span }),
  Schema.Struct({ kind: Schema.Literal("slowDisk"), node: Schema.Finite, delayMillis: Schema.Finite, ...span }),
  Schema.Struct({ kind: Schema.Literal("fullDisk"), node: Schema.Finite, ...span }),
  Schema.Struct({ kind: Schema.Literal("failingDisk"), node: Schema.Finite, failedPerMille: Schema.Finite, ...span }),
  Schema.Struct({ kind: Schema.Literal("lost"), node: Schema.Finite, ...span }),
  Schema.Struct({ kind: Schema.Literal("ban"), ...way, ...span }),
  Schema.Struct({ kind: Schema.Literal("survey"), node: Schema.Finite, ...span }),
  Schema.Struct({ kind: Schema.Literal("upgrade"), moreBytes: Schema.Finite, atMillis: Schema.Finite })
])

const fault = faults.annotate({
  message: `Expected a fault whose kind is one of ${faults.members.map(({ fields }) => fields.kind.literal).join(", ")}`
})

const shape: Schema.Codec<FaultPlan> = Schema.Struct({
  version: Schema.Literal(PLAN_VERSION).annotate({
    message: `Expected ${PLAN_VERSION}, the form of plan that is known`
  }),
  nodes: Schema.Finite,
  durationMillis: Schema.Finite,
  faults: Schema.Array(fault)
})

/** A plan that can be run, as JSON holds it: its shape, and all that `problemsOf` asks. */
export const FaultPlanSchema: Schema.Codec<FaultPlan> = shape.check(
  Schema.makeFilter((plan) => problemsOf(plan).map(({ message, path }) => ({ path, issue: message })))
)

/** Reads the text of a plan. The failure tells what is wrong and where, for a person. A key that no fault has is refused. */
export const parseFaultPlan: (text: string) => Result.Result<FaultPlan, string> = jsonFile(FaultPlanSchema)
