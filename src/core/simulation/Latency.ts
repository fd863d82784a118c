/**
 * The latency of a simulated network as a person writes it: `fair`, `50ms`, `20-80ms`, `lognormal:40ms`, `exponential:40ms`.
 */
import { Result } from "effect"
import { constant, type Distribution, exponential, logNormal, type Sigma, uniform } from "../Distribution.ts"
import { calm, fair, type LinkWeather } from "../LinkWeather.ts"

/** The weathers that are known by name: all that a network can be without a fault. */
const NAMED: Readonly<Record<string, LinkWeather>> = { calm, fair }

/** Microseconds of each unit that a time can be written in. */
const UNIT_MICROS: Readonly<Record<string, number>> = { us: 1, ms: 1000, s: 1_000_000 }

/** The longest latency: a minute. No two machines are farther apart, and all shapes can be drawn from it. */
const MOST_MICROS = 60_000_000

/** The spreads of a log-normal latency as they are written. A bare `lognormal:` means a half: the internet on a usual day. */
const SIGMAS: Readonly<Record<string, Sigma>> = { "0.5": 0.5, "0.25": 0.25, "1": 1 }

/** What can be written, for a person. */
export const LATENCY_FORMS =
  "fair, calm, 50ms, 20-80ms, lognormal:40ms, lognormal:40ms:0.25 (or 0.5, 1), or exponential:40ms; in us, ms or s"

/**
 * Reads the latency of all ways of a network: a name, always the same time, from one to another (uniform), or a shape about its
 * median (`lognormal`) or its mean (`exponential`). The weather is otherwise without bound and loss. Each way draws its latency
 * once. The failure is one sentence for a person.
 */
export const parseLatency = (text: string): Result.Result<LinkWeather, string> => {
  const named = Object.hasOwn(NAMED, text) ? NAMED[text] : undefined
  if (named !== undefined) return Result.succeed(named)
  const latency = distributionOf(text)
  return latency === undefined
    ? Result.fail(`Expected a latency (${LATENCY_FORMS}) of at most a minute, found ${JSON.stringify(text)}.`)
    : Result.succeed({ ...calm, latency })
}

const distributionOf = (text: string): Distribution | undefined => {
  const [, shape, lowest, upTo, unit, spread] =
    /^(?:(lognormal|exponential):)?(\d{1,8})(?:-(\d{1,8}))?(us|ms|s)(?::([\d.]{1,4}))?$/.exec(text) ?? []
  if (lowest === undefined || unit === undefined) return undefined
  const microsOf = (digits: string): number => Number(digits) * UNIT_MICROS[unit]!
  const micros = microsOf(lowest)
  const mostMicros = upTo === undefined ? micros : microsOf(upTo)
  if (mostMicros > MOST_MICROS || mostMicros < micros) return undefined
  // Each part has its form: a range is of no shape, and only a log-normal one has a spread.
  if ((upTo !== undefined && shape !== undefined) || (spread !== undefined && shape !== "lognormal")) return undefined
  switch (shape) {
    case "lognormal": {
      const sigma = SIGMAS[spread ?? "0.5"]
      return sigma === undefined ? undefined : logNormal(micros, sigma)
    }
    case "exponential":
      return exponential(micros)
    default:
      return upTo === undefined ? constant(micros) : uniform(micros, mostMicros)
  }
}
