/**
 * What is under way on virtual links, and the pool in which it waits to be used again: making a buffer, a view and an object for
 * each short chunk would cost more than the copy into it.
 */

/** The shortest buffer is of 2^6 bytes, the longest that is kept of 2^16. */
const LEAST_BITS = 6
const MOST_BITS = 16
/** Buffers are cut from pieces of memory of this size: a piece takes part of a microsecond to make, and a view of its own to read. */
const SLAB_BYTES = 262_144

const NO_BYTES = new Uint8Array(0)

/** Something on its way, or unread. */
export class Parcel {
  kind: "open" | "bytes" | "end" | "reset"
  /** The bytes that it carries. */
  bytes: Uint8Array = NO_BYTES
  arrivalMicros = 0
  next: Parcel | undefined = undefined
  /** Where they lie: at its beginning. */
  private readonly buffer: Uint8Array

  constructor(kind: Parcel["kind"], buffer: Uint8Array = NO_BYTES) {
    this.kind = kind
    this.buffer = buffer
  }

  /** How many bytes it has room for. */
  get capacity(): number {
    return this.buffer.length
  }

  /** Carries a copy of these, which have room in it. */
  fill(bytes: Uint8Array): void {
    // Frames come in few lengths, and a view costs as much as the copy.
    if (this.bytes.length !== bytes.length) this.bytes = this.buffer.subarray(0, bytes.length)
    this.bytes.set(bytes)
  }
}

/** A pool whose spare parcels have room for no more than so many bytes. */
export class ParcelPool {
  private readonly maxSpareBytes: number
  private spareBytes = 0
  /** By capacity, 2^6 first. */
  private readonly spare: ReadonlyArray<Array<Parcel>>
  private slab = NO_BYTES
  private slabUsed = 0
  private slabBytes = 0

  constructor(maxSpareBytes: number) {
    this.maxSpareBytes = maxSpareBytes
    this.spare = Array.from({ length: MOST_BITS - LEAST_BITS + 1 }, () => [])
  }

  /** A parcel with a copy of these bytes. */
  take(bytes: Uint8Array): Parcel {
    const { length } = bytes
    const bits = Math.max(LEAST_BITS, 32 - Math.clz32(length - 1))
    const known = this.spare[bits - LEAST_BITS]?.pop()
    if (known !== undefined) this.spareBytes -= known.capacity
    const parcel = known ?? new Parcel("bytes", bits > MOST_BITS ? new Uint8Array(length) : this.cut(1 << bits))
    parcel.fill(bytes)
    return parcel
  }

  /** Gives back a parcel that came from here and that nobody uses any more. */
  give(parcel: Parcel): void {
    const { capacity } = parcel
    if (this.spareBytes + capacity > this.maxSpareBytes) return
    const bits = 31 - Math.clz32(capacity)
    if (bits > MOST_BITS || capacity !== 1 << bits) return
    this.spareBytes += capacity
    this.spare[bits - LEAST_BITS]?.push(parcel)
  }

  /** A buffer, from a slab as long as those take no more than may be spare: who is not kept shall not keep a slab. */
  private cut(length: number): Uint8Array {
    if (this.slabUsed + length > this.slab.length) {
      if (this.slabBytes + SLAB_BYTES > this.maxSpareBytes) return new Uint8Array(length)
      this.slab = new Uint8Array(SLAB_BYTES)
      this.slabBytes += SLAB_BYTES
      this.slabUsed = 0
    }
    const at = this.slabUsed
    this.slabUsed += length
    return this.slab.subarray(at, this.slabUsed)
  }
}
