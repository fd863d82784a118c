/**
 * Buffers that are used again and again, where making a new one for each short chunk would cost more than the copy into it.
 */

/** The shortest buffer is of 2^6 bytes, the longest that is kept of 2^16. */
const LEAST_BITS = 6
const MOST_BITS = 16

/** A pool that holds no more than so many bytes which nobody uses. */
export class BufferPool {
  private readonly maxSpareBytes: number
  private spareBytes = 0
  /** By length, 2^6 first. */
  private readonly spare: ReadonlyArray<Array<Uint8Array>>

  constructor(maxSpareBytes: number) {
    this.maxSpareBytes = maxSpareBytes
    this.spare = Array.from({ length: MOST_BITS - LEAST_BITS + 1 }, () => [])
  }

  /** A buffer of at least so many bytes, with anything in it. */
  take(length: number): Uint8Array {
    const bits = Math.max(LEAST_BITS, 32 - Math.clz32(length - 1))
    const buffer = this.spare[bits - LEAST_BITS]?.pop()
    if (buffer === undefined) return new Uint8Array(bits > MOST_BITS ? length : 1 << bits)
    this.spareBytes -= buffer.length
    return buffer
  }

  /** Gives back a whole buffer that came from here and that nobody uses any more. */
  give(buffer: Uint8Array): void {
    if (this.spareBytes + buffer.length > this.maxSpareBytes) return
    const bits = 31 - Math.clz32(buffer.length)
    if (bits > MOST_BITS || buffer.length !== 1 << bits) return
    this.spareBytes += buffer.length
    this.spare[bits - LEAST_BITS]?.push(buffer)
  }
}
