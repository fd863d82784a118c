/**
 * The way from one machine of a virtual network to another: its weather, and whether anything gets through.
 *
 * It decides when a thing arrives that leaves now; who sends keeps it until then.
 */
import type { LinkWeather } from "../../core/LinkWeather.ts"
import { latencyMicros, Line, lossMicros } from "../../core/LinkWeather.ts"
import type { Prng } from "../../core/Prng.ts"
import type { Host } from "./VirtualHost.ts"

/** A link, as its ways see it. */
export interface PathUser {
  /** The way has opened or closed. */
  readonly pathChanged: (path: VirtualPath) => void
  /** Something between the two machines resets the link. */
  readonly reset: () => void
}

/** One direction between two machines. There is one object for each ordered pair that has ever had to do with each other. */
export class VirtualPath {
  readonly from: Host
  readonly to: Host
  /** Whether anything gets through. */
  isOpen: boolean
  /** The links that this is a way of. */
  readonly users = new Set<PathUser>()
  weather: LinkWeather
  /** How long a byte is under way: the weather's latency, and what a clog adds. */
  latencyMicros: number
  private drawnMicros: number
  private cloggedMicros = 0
  /** How many chunks go over whole before one comes apart. */
  private untilSplit = 0
  private readonly line = new Line()
  private readonly prng: Prng

  constructor(from: Host, to: Host, prng: Prng, options: { readonly weather: LinkWeather; readonly isOpen: boolean }) {
    this.from = from
    this.to = to
    this.prng = prng
    this.isOpen = options.isOpen
    this.weather = options.weather
    this.drawnMicros = latencyMicros(this.weather, from.place, to.place, prng)
    this.latencyMicros = this.drawnMicros
  }

  /** From now on; what is under way arrives as it would have. */
  setWeather(weather: LinkWeather): void {
    this.weather = weather
    this.drawnMicros = latencyMicros(weather, this.from.place, this.to.place, this.prng)
    this.latencyMicros = this.drawnMicros + this.cloggedMicros
  }

  /** Adds so much to the latency, from now on, in the place of what was added before. */
  clog(extraMicros: number): void {
    this.cloggedMicros = extraMicros
    this.latencyMicros = this.drawnMicros + extraMicros
  }

  /** Where a chunk of so many bytes, which is sent now, comes apart on its way; 0 if it does not. */
  splitAt(bytes: number): number {
    const { splitEvery } = this.weather
    if (splitEvery === undefined || --this.untilSplit >= 0) return 0
    this.untilSplit = this.prng.below(2 * splitEvery - 1)
    return bytes < 2 ? 0 : 1 + this.prng.below(bytes - 1)
  }

  /** When so many bytes arrive that are sent now. A thing of 0 bytes waits for no bandwidth. */
  arrivalMicros(nowMicros: number, bytes: number): number {
    const { bytesPerSecond, jitterMicros, lossPerMillion } = this.weather
    let at = bytesPerSecond === undefined || bytes === 0
      ? nowMicros
      : this.line.goneAtMicros(nowMicros, bytes, bytesPerSecond)
    at += this.latencyMicros
    if (jitterMicros > 0) at += this.prng.below(jitterMicros + 1)
    if (lossPerMillion > 0) at += lossMicros(this.weather, bytes, this.prng)
    return at
  }
}
