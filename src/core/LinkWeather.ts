/**
 * How bytes fare on their way from one machine to another: latency, bandwidth, loss, as plain data and whole numbers.
 *
 * A link above it is a TCP connection: what is lost comes later, and what comes later holds up what is behind it.
 */
import type { Distribution } from "./Distribution.ts"
import { sample } from "./Distribution.ts"
import * as limits from "./limits.ts"
import type { Prng } from "./Prng.ts"

/** A place on the map, in whole units that mean what the weather makes of them. */
export interface Place {
  readonly x: number
  readonly y: number
}

/** A latency that grows with the distance between two places: `baseMicros`, and `microsPerUnit` for each unit. */
export interface ByDistance {
  readonly _tag: "ByDistance"
  readonly baseMicros: number
  readonly microsPerUnit: number
}

/** The weather from one machine to another. The way back has its own. */
export interface LinkWeather {
  /** How long a byte is under way, in microseconds. Drawn once for a way; how it varies is `jitterMicros`. */
  readonly latency: Distribution | ByDistance
  /** A chunk takes up to so much longer, uniformly. */
  readonly jitterMicros: number
  /** How much fits through in a second, for all links of this way together; `undefined` is no bound. At least 1. */
  readonly bytesPerSecond: number | undefined
  /** The chance of a segment (of `SEGMENT_BYTES`) to be lost, in millionths. */
  readonly lossPerMillion: number
  /** What is lost is sent again after so long, and after twice the time each time that it is lost again. At least 1. */
  readonly retransmitMicros: number
  /**
   * One chunk in so many, on average, arrives in two pieces, cut at any byte; `undefined` is none. At least 1. A stream knows
   * nothing of the writes that it was made of, and who reads one must not either.
   */
  readonly splitEvery: number | undefined
  /** What a link holds in this direction, under way and unread, before it pushes back. At least 1. */
  readonly bufferBytes: number
}

/** Makes a latency by distance. */
export const byDistance = (baseMicros: number, microsPerUnit: number): ByDistance => ({
  _tag: "ByDistance",
  baseMicros,
  microsPerUnit
})

/** No latency, no bound, no loss: what a machine has with itself. */
export const calm: LinkWeather = {
  latency: { _tag: "Constant", value: 0 },
  jitterMicros: 0,
  bytesPerSecond: undefined,
  lossPerMillion: 0,
  retransmitMicros: limits.VIRTUAL_RETRANSMIT_MICROS,
  splitEvery: undefined,
  bufferBytes: limits.VIRTUAL_LINK_BYTES
}

/** Often enough that each link of a short run sees it, and seldom enough to cost nothing. */
const FAIR_SPLIT_EVERY = 30

/**
 * From 5 ms, a neighbouring city, to 100 ms, half way around the earth in glass fibre (20,000 km at 200 km a millisecond);
 * nothing is lost, there is room for all, and now and then a chunk comes in two pieces.
 */
export const fair: LinkWeather = {
  ...calm,
  latency: { _tag: "Uniform", min: 5000, max: 100_000 },
  splitEvery: FAIR_SPLIT_EVERY
}

/** A million: what loss is counted in, and how many microseconds a second has. */
const MILLION = 1_000_000

const isWhole = (value: number, least: number): boolean => Number.isSafeInteger(value) && value >= least

/** What is wrong with a weather, in words; `undefined` if it can be. */
export const problemOf = (weather: LinkWeather): string | undefined => {
  const { bufferBytes, bytesPerSecond, jitterMicros, latency, lossPerMillion, retransmitMicros, splitEvery } = weather
  if (!isWhole(jitterMicros, 0)) return "jitterMicros is not a whole number of 0 or more"
  if (bytesPerSecond !== undefined && !isWhole(bytesPerSecond, 1)) {
    return "bytesPerSecond is not a whole number from 1 on"
  }
  if (splitEvery !== undefined && !isWhole(splitEvery, 1)) return "splitEvery is not a whole number from 1 on"
  if (!isWhole(lossPerMillion, 0) || lossPerMillion > MILLION) {
    return "lossPerMillion is not a whole number up to 1,000,000"
  }
  if (!isWhole(retransmitMicros, 1)) return "retransmitMicros is not a whole number from 1 on"
  if (!isWhole(bufferBytes, 1)) return "bufferBytes is not a whole number from 1 on"
  return isLatency(latency) ? undefined : "the latency is not of whole numbers of 0 or more, the lower one first"
}

const isLatency = (latency: LinkWeather["latency"]): boolean => {
  switch (latency._tag) {
    case "ByDistance":
      return isWhole(latency.baseMicros, 0) && isWhole(latency.microsPerUnit, 0)
    case "Constant":
      return isWhole(latency.value, 0)
    case "Uniform":
      return isWhole(latency.min, 0) && isWhole(latency.max, latency.min)
    case "LogNormal":
      return isWhole(latency.median, 0)
    case "Exponential":
      return isWhole(latency.mean, 0)
  }
}

/** Draws how long a byte is under way from one place to another, in microseconds. */
export const latencyMicros = ({ latency }: LinkWeather, from: Place, to: Place, prng: Prng): number =>
  latency._tag === "ByDistance"
    ? latency.baseMicros + latency.microsPerUnit * distance(from, to)
    : sample(latency, prng)

/** As the crow flies, in whole units, rounded down. Coordinates are below 2^25, so that no square is rounded. */
export const distance = (from: Place, to: Place): number => {
  const square = (from.x - to.x) ** 2 + (from.y - to.y) ** 2
  if (square < 2) return square
  // Newton's way down to the root, from above, in whole numbers: every machine ends at the same one.
  let root = square
  for (let next = Math.floor((root + 1) / 2); next < root; next = Math.floor((next + Math.floor(square / next)) / 2)) {
    root = next
  }
  return root
}

/** Draws by how much the losses of its segments delay a chunk of so many bytes, in microseconds. */
export const lossMicros = ({ lossPerMillion, retransmitMicros }: LinkWeather, bytes: number, prng: Prng): number => {
  // Of segments lost together the last one counts, and few are lost: so one draw stands for all.
  let chance = Math.min(MILLION, lossPerMillion * Math.max(1, Math.ceil(bytes / limits.SEGMENT_BYTES)))
  let delay = 0
  let wait = retransmitMicros
  for (let lost = 0; lost < limits.VIRTUAL_RETRANSMISSIONS && prng.chance(chance, MILLION); lost++) {
    delay += wait
    wait = longer(wait)
    chance = lossPerMillion
  }
  return delay
}

/** When what is lost since `lostAtMicros` is sent again next, at or after `nowMicros`: the waits double each time. */
export const retransmitAtMicros = (
  { retransmitMicros }: LinkWeather,
  lostAtMicros: number,
  nowMicros: number
): number => {
  let wait = retransmitMicros
  let at = lostAtMicros + wait
  while (at < nowMicros) {
    wait = longer(wait)
    at += wait
  }
  return at
}

const longer = (wait: number): number => Math.max(wait, Math.min(2 * wait, limits.VIRTUAL_RETRANSMIT_MAX_MICROS))

/**
 * What a line of so many bytes a second has left to send: tells when each piece has gone, exact to the microsecond over
 * any number of pieces.
 */
export class Line {
  private freeAtMicros = 0
  /** What was sent beyond the last whole microsecond, in millionths of a byte. */
  private rest = 0

  /** When a piece that is handed over now has gone. */
  goneAtMicros(nowMicros: number, bytes: number, bytesPerSecond: number): number {
    if (this.freeAtMicros < nowMicros) {
      this.freeAtMicros = nowMicros
      this.rest = 0
    }
    const work = bytes * MILLION + this.rest
    this.freeAtMicros += Math.floor(work / bytesPerSecond)
    this.rest = work % bytesPerSecond
    return this.freeAtMicros
  }
}
