/**
 * A disk that keeps what was written in a cache until it is synced, and loses some of the rest when the power goes.
 *
 * What has not been synced is lost by the sector, in any combination, so a write of several sectors can be torn and a later one can
 * survive an earlier one. All of it is decided by the random numbers that the disk is given.
 */
import type { Prng } from "../../src/core/Prng.ts"

/** The smallest piece that is written whole or not at all: what SQLite assumes of a disk at worst. */
export const SECTOR_BYTES = 512

interface File {
  /** What a reader sees. It may lie in a larger buffer, with room to grow. */
  cached: Uint8Array<ArrayBuffer>
  /** What is on the disk for sure. */
  durable: Uint8Array<ArrayBuffer>
  /** What has happened since, in order. */
  changes: Array<{ readonly at: number; readonly bytes: Uint8Array } | { readonly size: number }>
}

/** Says that the power is gone. */
export class PowerCut extends Error {}

/** What a process that is killed leaves behind, or a disk after a power cut: contents by name. */
export type Image = ReadonlyMap<string, Uint8Array>

/** A disk; see above. Every operation throws a `PowerCut` once the power is gone. */
export class TearingDisk {
  readonly #prng: Prng
  readonly #files = new Map<string, File>()
  #stepsLeft: number
  /** A sync is answered and not done in so many of a hundred cases. */
  lostSyncsPercent = 0
  steps = 0
  syncs = 0

  /** Begins with what is in the image. The power goes after so many writes and syncs. */
  constructor(prng: Prng, image: Image = new Map(), powerForSteps = Number.POSITIVE_INFINITY) {
    this.#prng = prng
    this.#stepsLeft = powerForSteps
    for (const [name, bytes] of image) {
      this.#files.set(name, { cached: bytes.slice(), durable: bytes.slice(), changes: [] })
    }
  }

  has(name: string): boolean {
    this.#powered()
    return this.#files.has(name)
  }

  open(name: string): void {
    this.#powered()
    if (!this.#files.has(name)) {
      this.#files.set(name, { cached: new Uint8Array(0), durable: new Uint8Array(0), changes: [] })
    }
  }

  remove(name: string): void {
    this.#step()
    this.#files.delete(name)
  }

  size(name: string): number {
    this.#powered()
    return this.#file(name).cached.length
  }

  /** What is there of so many bytes; the end of the file may come before. */
  read(name: string, at: number, length: number): Uint8Array {
    this.#powered()
    return this.#file(name).cached.subarray(at, at + length)
  }

  write(name: string, at: number, bytes: Uint8Array): void {
    this.#step()
    const file = this.#file(name)
    file.cached = written(file.cached, at, bytes)
    for (let start = 0; start < bytes.length;) {
      const end = Math.min(bytes.length, start + SECTOR_BYTES - ((at + start) % SECTOR_BYTES))
      file.changes.push({ at: at + start, bytes: bytes.slice(start, end) })
      start = end
    }
  }

  truncate(name: string, size: number): void {
    this.#step()
    const file = this.#file(name)
    file.cached = resized(file.cached, size)
    file.changes.push({ size })
  }

  sync(name: string): void {
    this.#step()
    this.syncs++
    if (this.#prng.chance(this.lostSyncsPercent, 100)) return
    const file = this.#file(name)
    file.durable = file.cached.slice()
    file.changes = []
  }

  /** What is there when the process is killed: the machine lives on, and writes its cache. */
  afterKill(): Image {
    return new Map([...this.#files].map(([name, { cached }]) => [name, cached.slice()]))
  }

  /** What is there when the power comes back: another draw each time. */
  afterPowerCut(): Image {
    return new Map([...this.#files].map(([name, { changes, durable }]) => {
      let bytes = durable.slice()
      // Some disks lose little and some lose much.
      const percent = this.#prng.below(101)
      for (const change of changes) {
        if (!this.#prng.chance(percent, 100)) continue
        bytes = "size" in change ? resized(bytes, change.size) : written(bytes, change.at, change.bytes)
      }
      return [name, bytes]
    }))
  }

  #step(): void {
    this.#powered()
    this.#stepsLeft--
    this.steps++
  }

  #powered(): void {
    if (this.#stepsLeft <= 0) throw new PowerCut("the power is gone")
  }

  #file(name: string): File {
    const file = this.#files.get(name)
    if (file === undefined) throw new Error(`There is no file ${name}`)
    return file
  }
}

const resized = (bytes: Uint8Array, size: number): Uint8Array<ArrayBuffer> => {
  const other = new Uint8Array(size)
  other.set(bytes.subarray(0, size))
  return other
}

/** Writes into the file itself, unless that is too short: one with twice the room, which is zeros, takes its place then. */
const written = (file: Uint8Array<ArrayBuffer>, at: number, bytes: Uint8Array): Uint8Array<ArrayBuffer> => {
  const size = Math.max(file.length, at + bytes.length)
  const other = size <= file.buffer.byteLength
    ? new Uint8Array(file.buffer, 0, size)
    : resized(file, 2 * size).subarray(0, size)
  other.set(bytes, at)
  return other
}
