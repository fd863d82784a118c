/**
 * Cutting a stream into records: the golden marks, every way of chunking, limits, and how little is held.
 */
import { assert, describe, it } from "@effect/vitest"
import { Schema } from "effect"
import { readFileSync } from "node:fs"
import type { FrameDecoder, FramingRefusal } from "../../../src/core/FrameDecoder.ts"
import { MAX_MESSAGE_BYTES, MAX_UNAUTHENTICATED_MESSAGE_BYTES } from "../../../src/core/stellar/limits.ts"
import { makeRecordDecoder, writeRecordMark } from "../../../src/core/stellar/RecordMark.ts"

interface MarkVector {
  readonly mark: string
  readonly receiverAuthenticated: boolean
  readonly headerVerdict: "accept" | "refuse"
  readonly why: string
}

const { recordMarks }: { readonly recordMarks: ReadonlyArray<MarkVector> } = JSON.parse(
  readFileSync(new URL("../../fixtures/stellar-vectors/frames.json", import.meta.url), "utf8")
)

const EMPTY = new Uint8Array(0)

const toHex = (bytes: Uint8Array): string => Buffer.from(bytes).toString("hex")

const fromHex = (text: string): Uint8Array => Uint8Array.from(Buffer.from(text, "hex"))

/** A record whose body can be told from others of the same length. */
const record = (bodyBytes: number, tag = 0): Uint8Array => {
  const bytes = new Uint8Array(4 + bodyBytes)
  writeRecordMark(bytes, 0, bodyBytes)
  for (let i = 0; i < bodyBytes; i++) bytes[4 + i] = tag + i
  return bytes
}

const joined = (parts: ReadonlyArray<Uint8Array>): Uint8Array => Uint8Array.from(Buffer.concat(parts))

/** What a decoder has given so far, as hexadecimal; `stopAfter` says after which frames the sink answers stop. */
const collector = (decoder: FrameDecoder, stopAfter: (frame: number) => boolean = () => false) => {
  const frames: Array<string> = []
  return {
    frames,
    push: (chunk: Uint8Array): FramingRefusal | undefined =>
      decoder.push(chunk, (bytes, start, end) => {
        frames.push(toHex(bytes.subarray(start, end)))
        return !stopAfter(frames.length)
      })
  }
}

describe("a record mark", () => {
  it("is written with the last-fragment bit and the length, most significant byte first [ref 1 top bit is set]", () => {
    const bytes = new Uint8Array(6)
    writeRecordMark(bytes, 1, 0x123456)
    assert.strictEqual(toHex(bytes), "008012345600")
    writeRecordMark(bytes, 0, MAX_MESSAGE_BYTES)
    assert.strictEqual(toHex(bytes.subarray(0, 4)), "81000000")
  })

  it("is judged as in the golden vectors, before a byte of the body is there [ref 1 4,096 bytes before authentication] [ref 1 16 MiB at most]", () => {
    assert.strictEqual(recordMarks.length, 15)
    for (const { headerVerdict, mark, receiverAuthenticated, why } of recordMarks) {
      const decoder = makeRecordDecoder()
      if (receiverAuthenticated) decoder.setLimit(MAX_MESSAGE_BYTES)
      const { frames, push } = collector(decoder)
      const refusal = push(fromHex(mark))
      assert.strictEqual(refusal === undefined ? "accept" : "refuse", headerVerdict, `${mark}: ${why}`)
      if (refusal !== undefined) assert.strictEqual(refusal.announcedBytes, Number.parseInt(mark, 16) & 0x7fffffff)
      assert.deepStrictEqual(frames, [])
    }
  })

  it("is read without its top bit, which stellar-core ignores as well [ref 1 top bit is ignored]", () => {
    const clear = record(8)
    clear[0] = 0
    const { frames, push } = collector(makeRecordDecoder())
    assert.isUndefined(push(joined([record(8), clear])))
    assert.deepStrictEqual(frames, ["0001020304050607", "0001020304050607"])
  })
})

describe("a decoder of records", () => {
  const lengths = [1, 4, 52, 255, 256, 257, 300, 4095, 4096, 4, 1, 1, 48]
  const stream = joined(lengths.map((length, i) => record(length, i)))
  const expected = lengths.map((length, i) => toHex(record(length, i).subarray(4)))

  /** Feeds the stream in chunks; where the sink says stop, goes on with empty chunks, as a reader does. */
  const framesOf = (sizes: ReadonlyArray<number>, stopAfter: (frame: number) => boolean): ReadonlyArray<string> => {
    const decoder = makeRecordDecoder()
    const { frames, push } = collector(decoder, stopAfter)
    for (let at = 0, i = 0; at < stream.length; i++) {
      // A reader may hand over a buffer that it writes again: nothing may be kept by reference.
      const chunk = stream.slice(at, at + (sizes[i % sizes.length] ?? stream.length))
      at += chunk.length
      assert.isUndefined(push(chunk))
      chunk.fill(0xee)
      for (let before = -1; before !== frames.length;) {
        before = frames.length
        assert.isUndefined(push(EMPTY))
      }
    }
    assert.strictEqual(decoder.heldBytes(), 0)
    return frames
  }

  it("gives the frames of a stream that comes one byte at a time", () => {
    assert.deepStrictEqual(framesOf([1], () => false), expected)
    assert.deepStrictEqual(framesOf([1], () => true), expected)
  })

  it.prop(
    "gives the same frames however the stream is cut and wherever the sink stops",
    {
      sizes: Schema.NonEmptyArray(Schema.Int.check(Schema.isBetween({ minimum: 1, maximum: 700 }))),
      stops: Schema.Array(Schema.Boolean)
    },
    ({ sizes, stops }) => {
      assert.deepStrictEqual(framesOf(sizes, (frame) => stops[frame % stops.length] ?? false), expected)
    }
  )

  it("lends frames that are whole in a chunk from the chunk itself, and copies none of them", () => {
    const chunk = joined([record(8), record(12)])
    const buffers: Array<ArrayBufferLike> = []
    makeRecordDecoder().push(chunk, (bytes) => {
      buffers.push(bytes.buffer)
      return true
    })
    assert.deepStrictEqual(buffers.map((buffer) => buffer === chunk.buffer), [true, true])
  })

  it("keeps what comes behind a stop, and does not judge it yet", () => {
    const decoder = makeRecordDecoder()
    const { frames, push } = collector(decoder, (frame) => frame === 1)
    assert.isUndefined(push(joined([record(4), record(MAX_UNAUTHENTICATED_MESSAGE_BYTES + 4)])))
    assert.strictEqual(frames.length, 1)
    assert.strictEqual(decoder.heldBytes(), 4 + MAX_UNAUTHENTICATED_MESSAGE_BYTES + 4)
    decoder.setLimit(MAX_MESSAGE_BYTES)
    assert.isUndefined(push(EMPTY))
    assert.strictEqual(frames[1], toHex(record(MAX_UNAUTHENTICATED_MESSAGE_BYTES + 4).subarray(4)))
    assert.strictEqual(decoder.heldBytes(), 0)
  })

  it("stops behind each frame that it is told to, whether it came whole or in pieces", () => {
    const decoder = makeRecordDecoder()
    const { frames, push } = collector(decoder, () => true)
    const three = joined([record(8), record(12), record(16)])
    const counts = [three.subarray(0, 5), three.subarray(5), EMPTY, EMPTY, EMPTY].map((chunk) => {
      push(chunk)
      return frames.length
    })
    assert.deepStrictEqual(counts, [0, 1, 2, 3, 3])
  })

  it("judges what it kept by the limit of the moment it goes on", () => {
    const decoder = makeRecordDecoder()
    const { frames, push } = collector(decoder, (frame) => frame === 1)
    assert.isUndefined(push(joined([record(4), record(MAX_UNAUTHENTICATED_MESSAGE_BYTES + 4)])))
    assert.strictEqual(push(EMPTY)?.announcedBytes, MAX_UNAUTHENTICATED_MESSAGE_BYTES + 4)
    assert.strictEqual(frames.length, 1)
  })

  it("gives the frames before a bad length, then refuses, and cuts nothing behind it [ref 1 no empty record]", () => {
    const { frames, push } = collector(makeRecordDecoder())
    const refusal = { _tag: "FramingRefusal" as const, announcedBytes: 0 }
    assert.deepStrictEqual(push(joined([record(4), new Uint8Array(4), record(8)])), refusal)
    assert.strictEqual(frames.length, 1)
    assert.deepStrictEqual(push(record(8)), refusal)
    assert.strictEqual(frames.length, 1)
  })

  it("refuses a bad length whose mark came in pieces", () => {
    const { push } = collector(makeRecordDecoder())
    const mark = new Uint8Array(4)
    writeRecordMark(mark, 0, MAX_UNAUTHENTICATED_MESSAGE_BYTES + 1)
    for (const byte of mark.subarray(0, 3)) assert.isUndefined(push(Uint8Array.of(byte)))
    assert.strictEqual(push(mark.subarray(3))?.announcedBytes, MAX_UNAUTHENTICATED_MESSAGE_BYTES + 1)
  })
})

describe("the memory of a decoder", () => {
  /** The bytes of all arrays that are made by their size while `run` runs. */
  const allocatedBytes = (run: () => void): number => {
    const Real = Uint8Array
    let bytes = 0
    globalThis.Uint8Array = new Proxy(Real, {
      construct: (target, args: Array<unknown>) => {
        if (typeof args[0] === "number") bytes += args[0]
        return Reflect.construct(target, args) as object
      }
    })
    try {
      run()
    } finally {
      globalThis.Uint8Array = Real
    }
    return bytes
  }

  const PEERS = 72
  const MEBIBYTE = 1_048_576
  const longest = Uint8Array.of(0x81, 0, 0, 0, 0xaa)

  it("follows what came: 72 peers that announce 16 MiB and send one byte of it cost less than 1 MiB together", () => {
    const decoders = Array.from({ length: PEERS }, () => makeRecordDecoder())
    const bytes = allocatedBytes(() => {
      for (const decoder of decoders) {
        decoder.setLimit(MAX_MESSAGE_BYTES)
        assert.isUndefined(collector(decoder).push(longest))
      }
    })
    assert.isAbove(bytes, 0)
    assert.isBelow(bytes, MEBIBYTE)
    assert.deepStrictEqual(decoders.map((decoder) => decoder.heldBytes()), decoders.map(() => longest.length))
  })

  it("never holds a buffer of more than twice what came", () => {
    const decoder = makeRecordDecoder()
    decoder.setLimit(MAX_MESSAGE_BYTES)
    const body = 100_000
    const bytes = record(body)
    let largest = 0
    for (let at = 0; at < bytes.length; at += 1000) {
      const came = Math.min(bytes.length, at + 1000)
      const made = allocatedBytes(() => {
        decoder.push(bytes.subarray(at, came), (held) => {
          largest = held.buffer.byteLength
          return true
        })
      })
      assert.isAtMost(made, 2 * came)
    }
    assert.isAtLeast(largest, body)
    assert.isAtMost(largest, 2 * (body + 4))
  })

  it("lets a large buffer go when its frame is done", () => {
    const decoder = makeRecordDecoder()
    decoder.setLimit(MAX_MESSAGE_BYTES)
    const { frames, push } = collector(decoder)
    const large = record(100_000)
    push(large.subarray(0, 50_000))
    push(large.subarray(50_000))
    assert.strictEqual(frames.length, 1)
    // A small straddling frame now needs a buffer anew: the large one is gone.
    const part = record(40).subarray(0, 20)
    const made = allocatedBytes(() => {
      push(part)
    })
    assert.isAbove(made, 0)
    assert.isBelow(made, 1000)
  })
})
