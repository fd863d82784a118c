/**
 * What an authenticated peer must not do.
 *
 * The peer is driven by hand. Whatever a peer says, it ends for one typed reason, with one event and one counter, and nobody else notices.
 */
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import type { StellarDropReason } from "../../../src/core/stellar/DropReason.ts"
import * as limits from "../../../src/core/stellar/limits.ts"
import { writeRecordMark } from "../../../src/core/stellar/RecordMark.ts"
import { sealed } from "./handshakePeer.ts"
import { acceptor, type ByHand, caller } from "./peerByHand.ts"
import { node, statementOf, transactionOf, turn } from "./peerNode.ts"
import {
  answersLater,
  assertLeft,
  assertUnaffected,
  counter,
  hex,
  infoOf,
  lastWords,
  question,
  record
} from "./sessionChecks.ts"

interface Fault {
  readonly name: string
  readonly act: (peer: ByHand) => void
  readonly reason: StellarDropReason["_tag"]
  readonly words?: string
}

const faults: ReadonlyArray<Fault> = [
  {
    name: "a wrong MAC",
    act: (peer) => {
      const bytes = record(peer, question(1))
      bytes[bytes.length - 1]! ^= 1
      peer.send(bytes)
    },
    reason: "UnexpectedMac",
    words: "3 unexpected MAC"
  },
  {
    name: "a changed message under a good MAC",
    act: (peer) => {
      const bytes = record(peer, question(1))
      bytes[20]! ^= 1
      peer.send(bytes)
    },
    reason: "UnexpectedMac",
    words: "3 unexpected MAC"
  },
  {
    name: "a replayed frame",
    act: (peer) => {
      const bytes = record(peer, question(1))
      peer.send(bytes.slice())
      peer.send(bytes)
    },
    reason: "UnexpectedSequence",
    words: "3 unexpected auth sequence"
  },
  {
    name: "a skipped sequence",
    act: (peer) => {
      record(peer, question(1))
      peer.send(record(peer, question(2)))
    },
    reason: "UnexpectedSequence",
    words: "3 unexpected auth sequence"
  },
  {
    name: "bytes that are no message",
    act: (peer) => peer.sayBytes(hex("0000000c")),
    reason: "CorruptXdr",
    words: "1 received corrupt XDR"
  },
  {
    name: "a record of length 0",
    act: (peer) => peer.send(Uint8Array.of(0x80, 0, 0, 0)),
    reason: "BadRecordLength"
  },
  {
    name: "a record above the limit",
    act: (peer) => peer.send(Uint8Array.of(0x81, 0, 0, 1)),
    reason: "BadRecordLength"
  },
  {
    name: "last words",
    act: (peer) => peer.send(lastWords(0, "shutdown")),
    reason: "RemoteError"
  },
  { name: "a grant of no bytes", act: (peer) => peer.grant(1, 0), reason: "InvalidSendMore" },
  {
    name: "SEND_MORE",
    act: (peer) => peer.say({ _tag: "SEND_MORE", sendMore: { numMessages: 1 } }),
    reason: "UnexpectedSendMore"
  },
  { name: "the end of its link", act: (peer) => Effect.runFork(peer.link.end), reason: "LinkLost" },
  {
    name: "more flood bytes than it has credit for",
    act: (peer) => peer.sayBytes(transactionOf(1, limits.CREDIT_BYTES + 4)),
    reason: "OverCapacity"
  }
]

describe("a peer that sends", () => {
  for (const role of ["caller", "acceptor"] as const) {
    for (const { act, name, reason, words } of faults) {
      it.effect(`${name}, as ${role}, leaves for ${reason} with ${words ?? "no words"}`, () =>
        Effect.gen(function*() {
          const it = yield* node()
          const bystander = yield* caller(it, { label: "bystander" })
          const peer = yield* (role === "caller" ? caller : acceptor)(it, { label: "culprit" })
          act(peer)
          assert.strictEqual(yield* peer.ending, words)
          yield* assertLeft(it, peer, reason)
          yield* assertUnaffected(it, bystander)
        }))
    }
  }

  it.effect("message 201 without credit leaves, and the 200 before it were taken", () =>
    Effect.gen(function*() {
      const { asked, options } = answersLater()
      const it = yield* node(options)
      const bystander = yield* caller(it, { label: "bystander" })
      const peer = yield* caller(it)
      for (let i = 1; i <= limits.CREDIT_MESSAGES; i++) peer.sayBytes(statementOf(i))
      yield* peer.ask
      assert.deepStrictEqual((yield* infoOf(it, peer))?.receiveCredit.messages, 0)
      assert.isAtLeast(asked(), 1)
      peer.sayBytes(statementOf(201))
      assert.isUndefined(yield* peer.ending)
      yield* assertLeft(it, peer, "OverCapacity")
      yield* assertUnaffected(it, bystander)
    }))

  it.effect("its frames a byte at a time is understood", () =>
    Effect.gen(function*() {
      const it = yield* node()
      const peer = yield* caller(it)
      for (const byte of sealed(peer.channel(), statementOf(1))) {
        peer.send(Uint8Array.of(byte))
        yield* turn
      }
      yield* peer.ask
      assert.strictEqual(yield* counter(it, "floodNew"), 1)
    }))

  it.effect("the mark of a long record costs what has come of it, and not what it promises", () =>
    Effect.gen(function*() {
      const it = yield* node()
      const before = process.memoryUsage().arrayBuffers
      const greedy = yield* Effect.forEach(
        Array.from({ length: 10 }, (_, i) => `greedy ${i}`),
        (label) => caller(it, { label })
      )
      for (const peer of greedy) {
        const head = new Uint8Array(104)
        writeRecordMark(head, 0, limits.MAX_MESSAGE_BYTES)
        peer.send(head)
      }
      const bystander = yield* caller(it, { label: "bystander" })
      yield* bystander.settle
      assert.strictEqual((yield* it.overlay.peers).length, 11)
      assert.isBelow(process.memoryUsage().arrayBuffers - before, limits.MAX_MESSAGE_BYTES)
    }))
})
