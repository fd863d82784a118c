/** A machine on whose way out something changes records: what its node says is not what others hear. */
import { Effect, Layer } from "effect"
import { MAX_MESSAGE_BYTES, RECORD_MARK_BYTES } from "../../../src/core/stellar/limits.ts"
import { makeRecordDecoder, writeRecordMark } from "../../../src/core/stellar/RecordMark.ts"
import { type Link, Transport } from "../../../src/services/Transport.ts"

/**
 * Gives, for the record with this number on its link (its body, without the mark), what is sent in its place: whole records, in order.
 * The body is the caller's to change.
 */
export type Alter = (body: Uint8Array, index: number) => ReadonlyArray<Uint8Array>

/** A record: the mark, and the body behind it. */
export const recordOf = (body: Uint8Array): Uint8Array => {
  const record = new Uint8Array(RECORD_MARK_BYTES + body.length)
  writeRecordMark(record, 0, body.length)
  record.set(body, RECORD_MARK_BYTES)
  return record
}

const altered = (link: Link, alter: Alter): Link => {
  const decoder = makeRecordDecoder()
  decoder.setLimit(MAX_MESSAGE_BYTES)
  let index = 0
  return {
    ...link,
    send: (bytes) => {
      const records: Array<Uint8Array> = []
      decoder.push(bytes, (chunk, start, end) => {
        records.push(...alter(chunk.slice(start, end), index++))
        return true
      })
      return link.send(new Uint8Array(Buffer.concat(records)))
    }
  }
}

/** The transport, with every link altered on the way out. */
export const alteredTransport = (transport: Layer.Layer<Transport>, alter: Alter): Layer.Layer<Transport> =>
  Layer.effect(
    Transport,
    Effect.map(Transport, ({ dial, listen }) =>
      Transport.of({
        dial: (address, options) => Effect.map(dial(address, options), (link) => altered(link, alter)),
        listen: (address, onLink) => listen(address, (link) => onLink(altered(link, alter)))
      }))
  ).pipe(Layer.provide(transport))
