/**
 * A writer for js-xdr's schemas that is used again for one value after the other.
 *
 * js-xdr makes a writer with a buffer of 8 KiB for each value, which for a short message costs more than writing it.
 */
import { Writer, XdrError } from "@stellar/js-xdr"
import { WORD_BYTES } from "../Xdr.ts"

/** What most messages fit into. */
const FIRST_BUFFER_BYTES = 4096
/** A larger buffer goes when its value is done. */
const KEPT_BUFFER_BYTES = 65_536

/** The writer. It holds one value at a time: `begin`, then a schema's `_write`, then `toUint8Array`. */
export class XdrWriter extends Writer {
  private readonly maxDepth: number
  private depth = 0
  private bytes = new Uint8Array(FIRST_BUFFER_BYTES)
  private view = new DataView(this.bytes.buffer)
  private at = 0

  /** Nests structures at most so deep. */
  constructor(maxDepth: number) {
    super(maxDepth)
    this.maxDepth = maxDepth
  }

  /** Forgets what was written, also where that has failed half-way. */
  begin(): void {
    this.depth = 0
    this.at = 0
    if (this.bytes.length > KEPT_BUFFER_BYTES) this.grow(FIRST_BUFFER_BYTES)
  }

  override get offset(): number {
    return this.at
  }

  override enter(path: string): void {
    if (this.depth === this.maxDepth) throw new XdrError(`${path}: max recursion depth ${this.maxDepth} exceeded`)
    this.depth += 1
  }

  override exit(): void {
    this.depth -= 1
  }

  override writeBytes(bytes: Uint8Array): void {
    const at = this.take(bytes.length)
    this.bytes.set(bytes, at)
  }

  override writePadding(length: number): void {
    const padding = (WORD_BYTES - (length % WORD_BYTES)) % WORD_BYTES
    const at = this.take(padding)
    this.bytes.fill(0, at, at + padding)
  }

  override writeInt32(value: number): void {
    const at = this.take(WORD_BYTES)
    this.view.setInt32(at, value)
  }

  override writeUint32(value: number): void {
    const at = this.take(WORD_BYTES)
    this.view.setUint32(at, value)
  }

  override writeBigInt64(value: bigint): void {
    const at = this.take(2 * WORD_BYTES)
    this.view.setBigInt64(at, value)
  }

  override writeBigUint64(value: bigint): void {
    const at = this.take(2 * WORD_BYTES)
    this.view.setBigUint64(at, value)
  }

  override writeFloat32(value: number): void {
    const at = this.take(WORD_BYTES)
    this.view.setFloat32(at, value)
  }

  override writeFloat64(value: number): void {
    const at = this.take(2 * WORD_BYTES)
    this.view.setFloat64(at, value)
  }

  /** A copy of what was written. */
  override toUint8Array(): Uint8Array {
    return this.bytes.slice(0, this.at)
  }

  /** Where the next `length` bytes stand; there is room for them then. */
  private take(length: number): number {
    const at = this.at
    this.at += length
    if (this.at > this.bytes.length) this.grow(Math.max(this.at, 2 * this.bytes.length))
    return at
  }

  private grow(length: number): void {
    const bytes = new Uint8Array(length)
    if (this.at > 0) bytes.set(this.bytes)
    this.bytes = bytes
    this.view = new DataView(bytes.buffer)
  }
}
