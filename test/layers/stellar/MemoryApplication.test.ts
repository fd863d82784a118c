/**
 * The application in memory: what it passes on, what it holds, where it thinks the network is, and how much it keeps.
 */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Exit, Layer } from "effect"
import { TestClock } from "effect/testing"
import type { Signer } from "../../../src/core/Crypto.ts"
import * as ItemHash from "../../../src/core/ItemHash.ts"
import { PeerId } from "../../../src/core/PeerId.ts"
import * as limits from "../../../src/core/stellar/limits.ts"
import type { SCPPledges } from "../../../src/core/stellar/messages/scp.ts"
import { sendScpState } from "../../../src/core/stellar/ScpState.ts"
import { peerIdFromPublicKey } from "../../../src/core/stellar/StrKey.ts"
import * as NodeCrypto from "../../../src/layers/node/NodeCrypto.ts"
import * as MemoryApplication from "../../../src/layers/stellar/MemoryApplication.ts"
import { Crypto } from "../../../src/services/Crypto.ts"
import {
  Application,
  type Fetching,
  type Flooded,
  type StatementVerdict,
  type TransactionVerdict
} from "../../../src/services/stellar/Application.ts"
import { pubnet, testnet } from "../../../src/services/stellar/networks.ts"
import { hashOf, numbers } from "../../support/floods.ts"
import {
  confirm,
  externalize,
  nominate,
  prepare,
  signedStatement,
  signerOf,
  statement
} from "../../support/statements.ts"

const passphrase = "a network of one's own"
const crypto = NodeCrypto.make()
const networkId = ItemHash.toBytes(crypto.sha256(new TextEncoder().encode(passphrase)))
const [ann, bob, cyd, eve] = [signerOf(1), signerOf(2), signerOf(3), signerOf(4)]
const trusted = [ann, bob, cyd].map(({ publicKey }) => peerIdFromPublicKey(publicKey))
const from = PeerId("whoever brought it")

const application = (settings: MemoryApplication.MemoryApplicationSettings = {}) =>
  MemoryApplication.make({ passphrase, ...settings }).pipe(Effect.provide(NodeCrypto.layer))

const scp = (bytes: Uint8Array): Flooded => ({
  from,
  kind: "SCP_MESSAGE",
  hash: crypto.sha256(bytes.subarray(4)),
  bytes
})

const said = (signer: Signer, slot: number | bigint, pledges: SCPPledges): Flooded =>
  scp(signedStatement(networkId, signer, slot, pledges))

const transaction = (number: number, length = 40): Flooded => {
  const bytes = new Uint8Array(length)
  bytes[3] = 8
  new DataView(bytes.buffer).setUint32(4, number)
  return { from, kind: "TRANSACTION", hash: hashOf(number), bytes }
}

/** The same bytes, as a small part of a chunk. */
const inLargeBuffer = (bytes: Uint8Array): Uint8Array => {
  const chunk = new Uint8Array(64_000)
  chunk.set(bytes, 100)
  return chunk.subarray(100, 100 + bytes.length)
}

type Settled = Exclude<StatementVerdict, Fetching> | TransactionVerdict

const judge = ({ judge }: Application["Service"], ...batch: ReadonlyArray<Flooded>): ReadonlyArray<Settled> => {
  if (judge.answers === "later") return assert.fail("it is said to answer at once")
  return batch.flatMap((message): ReadonlyArray<StatementVerdict | TransactionVerdict> =>
    message.kind === "SCP_MESSAGE" ? judge.statements([message]) : judge.transactions([message])
  ).map((verdict) => typeof verdict === "string" ? verdict : assert.fail("it is said to ask for nothing"))
}

/** What a peer gets that asks for the statements from this slot on. */
const stateOf = ({ position, scpState }: Application["Service"], from: number): ReadonlyArray<Uint8Array> => {
  const sent: Array<Uint8Array> = []
  sendScpState(scpState, from, position().ledger, (statement) => sent.push(statement))
  return sent
}

/** Two of the three trusted nodes externalize a slot. */
const moveTo = (app: Application["Service"], slot: number): ReadonlyArray<Settled> =>
  judge(app, said(ann, slot, externalize()), said(bob, slot, externalize()))

const policies = ["observe", "scp", "all"] as const

describe("By default", () => {
  const verdictOfTransaction = (options: MemoryApplication.MemoryApplicationOptions) =>
    Effect.map(
      Effect.provide(MemoryApplication.make(options), NodeCrypto.layer),
      (app) => judge(app, transaction(1))[0]
    )

  it.effect("the known networks are only observed, and others are relayed whole", () =>
    Effect.gen(function*() {
      assert.strictEqual(yield* verdictOfTransaction({ passphrase: pubnet.passphrase }), "kept")
      assert.strictEqual(yield* verdictOfTransaction({ passphrase: testnet.passphrase }), "kept")
      assert.strictEqual(yield* verdictOfTransaction({ passphrase }), "accepted")
      assert.strictEqual(yield* verdictOfTransaction({ networkId }), "accepted")
      const testnetId = ItemHash.toBytes(crypto.sha256(new TextEncoder().encode(testnet.passphrase)))
      assert.strictEqual(yield* verdictOfTransaction({ networkId: testnetId }), "kept")
    }))

  it.effect("the ledgers of the public network bound what is flooded, and only classic transactions on others", () =>
    Effect.gen(function*() {
      const known = yield* MemoryApplication.make({ passphrase: pubnet.passphrase })
      const publicLimits = {
        maxTxSetOperations: 1000,
        maxSorobanTransactions: 100,
        ledgerCloseMillis: 5000,
        maxTxBytes: 134_096
      }
      assert.deepStrictEqual(known.limits(), publicLimits)
      const own = yield* MemoryApplication.make({ passphrase, limits: { maxSorobanTransactions: 7 } })
      assert.deepStrictEqual(own.limits(), { ...publicLimits, maxSorobanTransactions: 7, maxTxBytes: 102_400 })
    }).pipe(Effect.provide(NodeCrypto.layer)))
})

describe("A statement", () => {
  it.effect.each(
    [
      ["observe", "kept", "kept"],
      ["scp", "ready", "kept"],
      ["all", "ready", "kept"]
    ] as const
  )("under %s: of a trusted node %s, of another one %s", ([policy, ofTrusted, ofOther]) =>
    Effect.gen(function*() {
      const app = yield* application({ policy, trusted })
      assert.deepStrictEqual(judge(app, said(ann, 5, nominate(["a"])), said(eve, 5, nominate(["a"]))), [
        ofTrusted,
        ofOther
      ])
      assert.strictEqual(app.counters().untrusted, 1)
      assert.deepStrictEqual(stateOf(app, 0).length, 1)
    }))

  it.effect("without trusted nodes is passed on under `all` only", () =>
    Effect.gen(function*() {
      const verdicts = yield* Effect.forEach(
        policies,
        (policy) => Effect.map(application({ policy }), (app) => judge(app, said(eve, 5, externalize()))[0])
      )
      assert.deepStrictEqual(verdicts, ["kept", "kept", "ready"])
    }))

  it.effect("with a wrong signature is forgotten, and moves nothing, whoever it is said to be of", () =>
    Effect.gen(function*() {
      for (const policy of policies) {
        const app = yield* application({ policy, trusted })
        const others = ItemHash.toBytes(crypto.sha256(new TextEncoder().encode("another network")))
        const short = statement(ann.publicKey, 5, externalize(), new Uint8Array(63))
        assert.deepStrictEqual(
          judge(
            app,
            ...[ann, bob, cyd, eve].map(({ publicKey }) => scp(statement(publicKey, 5, externalize()))),
            ...[ann, bob, cyd].map((signer) => scp(signedStatement(others, signer, 5, externalize()))),
            scp(short)
          ),
          Array.from({ length: 8 }, () => "discarded")
        )
        assert.deepStrictEqual(app.position(), { ledger: undefined, synced: false })
        assert.deepStrictEqual(stateOf(app, 0), [])
        assert.strictEqual(app.counters().badSignatures, 8)
      }
    }))

  it.effect("that is no statement is malformed", () =>
    Effect.gen(function*() {
      const app = yield* application()
      const { bytes } = said(ann, 5, externalize())
      assert.deepStrictEqual(judge(app, scp(bytes.subarray(0, bytes.length - 4))), ["malformed"])
    }))

  it.effect("is passed on up to 100 slots from the position, and forgotten beyond", () =>
    Effect.gen(function*() {
      const app = yield* application({ policy: "scp", trusted })
      moveTo(app, 1000)
      const around = [899, 900, 1100, 1101].map((slot) => said(cyd, slot, nominate(["a"])))
      assert.deepStrictEqual(judge(app, ...around), ["discarded", "ready", "ready", "discarded"])
      assert.strictEqual(app.counters().outsideBracket, 2)
      assert.deepStrictEqual(judge(app, said(eve, 1101, externalize()), said(eve, 1100, externalize())), [
        "discarded",
        "kept"
      ])
    }))

  it.effect("is passed on whatever its slot while the position is unknown", () =>
    Effect.gen(function*() {
      const app = yield* application({ policy: "scp", trusted })
      assert.deepStrictEqual(judge(app, said(ann, 1, nominate(["a"])), said(ann, 60_000_000, nominate(["a"]))), [
        "ready",
        "ready"
      ])
    }))

  it.effect("is passed on four times of a node and slot, and then kept", () =>
    Effect.gen(function*() {
      const app = yield* application({ policy: "scp", trusted })
      const many = [1, 2, 3, 4, 5, 6].map((counter) => said(ann, 5, prepare(counter)))
      assert.deepStrictEqual(judge(app, ...many), ["ready", "ready", "ready", "ready", "kept", "kept"])
      assert.deepStrictEqual(judge(app, said(ann, 6, prepare(1)), said(bob, 5, prepare(1))), ["ready", "ready"])
      assert.deepStrictEqual(app.counters().statementsOverLimit, 2)
      // Peers that ask still get the last word.
      assert.deepStrictEqual(stateOf(app, 0)[0], many[5]?.bytes)
    }))

  it.effect("counts for the position even beyond the bracket, so that a node that was away finds back", () =>
    Effect.gen(function*() {
      const app = yield* application({ policy: "scp", trusted })
      moveTo(app, 1000)
      yield* TestClock.adjust("1 hour")
      assert.deepStrictEqual(moveTo(app, 1720), ["discarded", "ready"])
      assert.deepStrictEqual(app.position(), { ledger: 1720, synced: true })
      assert.deepStrictEqual(judge(app, said(ann, 1720, externalize())), ["ready"])
    }))

  it.effect("whose slot is no ledger is passed on where all are, and forgotten where there is a position", () =>
    Effect.gen(function*() {
      const slot = 0xffff_ffff_ffff_ffffn
      assert.deepStrictEqual(judge(yield* application(), said(eve, slot, externalize())), ["ready"])
      const app = yield* application({ policy: "scp", trusted })
      moveTo(app, 1000)
      assert.deepStrictEqual(judge(app, said(ann, slot, externalize())), ["discarded"])
    }))
})

describe("The position", () => {
  it.effect("is that of more than half of the trusted nodes, given by name or by key, each counted once", () =>
    Effect.gen(function*() {
      const app = yield* application({
        policy: "observe",
        trusted: [ann.publicKey, ann.publicKey, peerIdFromPublicKey(ann.publicKey), ...trusted]
      })
      judge(app, said(ann, 10, externalize()), said(eve, 10, externalize()))
      assert.deepStrictEqual(app.position(), { ledger: undefined, synced: false })
      judge(app, said(bob, 12, externalize()))
      assert.deepStrictEqual(app.position(), { ledger: 10, synced: true })
      judge(app, said(cyd, 11, externalize()))
      assert.deepStrictEqual(app.position(), { ledger: 11, synced: true })
    }))

  it.effect("is not moved by what is only confirmed", () =>
    Effect.gen(function*() {
      const app = yield* application({ trusted })
      judge(app, ...[ann, bob, cyd].map((signer) => said(signer, 10, confirm(1))))
      assert.isUndefined(app.position().ledger)
    }))

  it.effect("is out of sync after 35 s without a further ledger, and in sync with the next", () =>
    Effect.gen(function*() {
      const app = yield* application({ trusted })
      moveTo(app, 10)
      yield* TestClock.adjust("34999 millis")
      assert.isTrue(app.position().synced)
      yield* TestClock.adjust("1 milli")
      moveTo(app, 10)
      assert.deepStrictEqual(app.position(), { ledger: 10, synced: false })
      moveTo(app, 11)
      assert.deepStrictEqual(app.position(), { ledger: 11, synced: true })
    }))

  it.effect("without trusted nodes is unknown and only watched, and counts as synced under `all` only", () =>
    Effect.gen(function*() {
      const positions = yield* Effect.forEach(policies, (policy) =>
        Effect.map(application({ policy }), (app) => {
          judge(app, said(eve, 5, externalize()))
          return app.position()
        }))
      assert.deepStrictEqual(positions, [
        { ledger: undefined, synced: false, watches: true },
        { ledger: undefined, synced: false, watches: true },
        { ledger: undefined, synced: true }
      ])
    }))
})

describe("The state of consensus", () => {
  it.effect("is held for the last 12 slots and those to come, by a node that only observes too", () =>
    Effect.gen(function*() {
      const app = yield* application({ policy: "observe", trusted })
      for (let slot = 980; slot <= 1000; slot++) moveTo(app, slot)
      judge(app, said(cyd, 988, externalize()), said(cyd, 1001, nominate(["a"])))
      assert.strictEqual(stateOf(app, 0).length, 12 * 2 + 1)
      assert.deepStrictEqual(stateOf(app, 0)[0], said(ann, 989, externalize()).bytes)
      assert.deepStrictEqual(stateOf(app, 1000), [
        said(ann, 1000, externalize()).bytes,
        said(bob, 1000, externalize()).bytes,
        said(cyd, 1001, nominate(["a"])).bytes
      ])
    }))

  it.effect("is held as well for the first ledger of the checkpoint, where who joins begins", () =>
    Effect.gen(function*() {
      const app = yield* application({ policy: "observe", trusted })
      for (let slot = 955; slot <= 1000; slot++) moveTo(app, slot)
      judge(app, said(cyd, 960, externalize()), said(cyd, 961, externalize()))
      assert.deepStrictEqual(app.scpState.slots(0).filter((slot) => slot < 989), [960])
      assert.deepStrictEqual(
        new Set(app.scpState.about(960)),
        new Set([ann, bob, cyd].map((signer) => said(signer, 960, externalize()).bytes))
      )
      moveTo(app, 1024)
      assert.deepStrictEqual(app.scpState.slots(0), [1024])
    }))

  it.effect("keeps no large buffer alive for a statement that came in it", () =>
    Effect.gen(function*() {
      const app = yield* application()
      const message = said(eve, 5, externalize())
      judge(app, { ...message, bytes: inLargeBuffer(message.bytes) })
      assert.deepStrictEqual(stateOf(app, 0), [message.bytes])
      assert.strictEqual(stateOf(app, 0)[0]?.buffer.byteLength, message.bytes.length)
      assert.strictEqual(app.size().statementBytes, message.bytes.length)
    }))
})

describe("A transaction", () => {
  it.effect("is passed on once and held, under `all`", () =>
    Effect.gen(function*() {
      const app = yield* application({ policy: "all", trusted })
      const { bytes, hash } = transaction(1)
      assert.isFalse(app.hasTransaction(hash))
      assert.deepStrictEqual(judge(app, { ...transaction(1), bytes: inLargeBuffer(bytes) }), ["accepted"])
      assert.deepStrictEqual(app.transaction(hash), bytes)
      assert.strictEqual(app.transaction(hash)?.buffer.byteLength, bytes.length)
      assert.isTrue(app.hasTransaction(hash))
      assert.deepStrictEqual(judge(app, transaction(1)), ["duplicate"])
    }))

  it.effect("is neither passed on nor held under the other policies, and is not asked for again", () =>
    Effect.gen(function*() {
      for (const policy of ["observe", "scp"] as const) {
        const app = yield* application({ policy, trusted })
        assert.deepStrictEqual(judge(app, transaction(1)), ["kept"])
        assert.isUndefined(app.transaction(hashOf(1)))
        assert.isTrue(app.hasTransaction(hashOf(1)))
      }
    }))

  it.effect("above the rate is kept and counted, and the rate comes back with time", () =>
    Effect.gen(function*() {
      const app = yield* application()
      const relayed = (first: number, count: number) =>
        judge(app, ...Array.from({ length: count }, (_, i) => transaction(first + i))).filter((it) => it === "accepted")
          .length
      assert.strictEqual(relayed(0, 1000), 200)
      assert.strictEqual(app.counters().transactionsOverRate, 800)
      assert.isTrue(app.hasTransaction(hashOf(999)))
      assert.isUndefined(app.transaction(hashOf(999)))
      yield* TestClock.adjust("500 millis")
      assert.strictEqual(relayed(2000, 1000), 100)
      yield* TestClock.adjust("1 hour")
      assert.strictEqual(relayed(4000, 1000), 200)
    }))

  it.effect("has the rate and the burst that were asked for", () =>
    Effect.gen(function*() {
      const app = yield* application({ transactionsPerSecond: 10, transactionBurst: 2 })
      const batch = (first: number) => judge(app, ...[0, 1, 2].map((i) => transaction(first + i)))
      assert.deepStrictEqual(batch(0), ["accepted", "accepted", "kept"])
      yield* TestClock.adjust("100 millis")
      assert.deepStrictEqual(batch(10), ["accepted", "kept", "kept"])
    }))

  it.effect("that is longer than the network's longest is kept, until the limit grows", () =>
    Effect.gen(function*() {
      const app = yield* application()
      assert.deepStrictEqual(judge(app, transaction(1, 102_400), transaction(2, 102_404)), ["accepted", "kept"])
      assert.strictEqual(app.counters().transactionsTooLong, 1)
      app.setLimits({ maxTxBytes: 200_000 })
      assert.deepStrictEqual(judge(app, transaction(3, 102_404)), ["accepted"])
      assert.strictEqual(app.limits().maxTxSetOperations, 1000)
    }))

  it.effect("is held for 60 s, and known for as long as the flood gate knows it", () =>
    Effect.gen(function*() {
      const app = yield* application()
      judge(app, transaction(1))
      yield* TestClock.adjust("59999 millis")
      assert.isDefined(app.transaction(hashOf(1)))
      yield* TestClock.adjust("1 milli")
      assert.isUndefined(app.transaction(hashOf(1)))
      assert.isTrue(app.hasTransaction(hashOf(1)))
      yield* TestClock.adjust("4 minutes")
      assert.isFalse(app.hasTransaction(hashOf(1)))
      assert.deepStrictEqual(judge(app, transaction(1)), ["accepted"])
    }))
})

describe("What the program itself says", () => {
  it.effect("is held under every policy, unsigned by anybody trusted and over every rate", () =>
    Effect.gen(function*() {
      for (const policy of policies) {
        const app = yield* application({ policy, trusted, transactionsPerSecond: 0 })
        const statementOfEve = said(eve, 5, nominate(["a"]))
        app.originate(statementOfEve)
        app.originate(transaction(1))
        assert.deepStrictEqual(stateOf(app, 0), [statementOfEve.bytes])
        assert.deepStrictEqual(app.transaction(hashOf(1)), transaction(1).bytes)
        assert.isTrue(app.hasTransaction(hashOf(1)))
        assert.isUndefined(app.position().ledger)
      }
    }))

  it.effect("counts for the position if the program's own node is a trusted one", () =>
    Effect.gen(function*() {
      const app = yield* application({ trusted })
      app.originate(said(ann, 5, externalize()))
      judge(app, said(bob, 5, externalize()))
      assert.strictEqual(app.position().ledger, 5)
    }))

  it.effect("is found by its hash: sets of transactions and of quorums", () =>
    Effect.gen(function*() {
      const app = yield* application()
      const set = new Uint8Array(80).fill(7)
      app.addTransactionSet(hashOf(1), set)
      const hash = app.addQuorumSet(set)
      assert.strictEqual(hash, crypto.sha256(set.subarray(4)))
      const copy = set.slice()
      set.fill(0)
      assert.deepStrictEqual([app.transactionSet(hashOf(1)), app.quorumSet(hash)], [copy, copy])
      assert.deepStrictEqual([app.transactionSet(hash), app.quorumSet(hashOf(1))], [undefined, undefined])
    }))
})

describe("Among strangers, under `all` without trusted nodes,", () => {
  it.effect("1,000 transactions and 250 statements of each kind by as many keys are all accepted", () =>
    Effect.gen(function*() {
      const app = yield* application({ transactionsPerSecond: 1000 })
      const kinds = [nominate(["a"]), prepare(1), confirm(1), externalize()]
      const statements = kinds.flatMap((pledges, kind) =>
        Array.from({ length: 250 }, (_, i) => said(signerOf(1000 * (kind + 1) + i), 1 + i % 5, pledges))
      )
      const verdicts = judge(app, ...statements, ...Array.from({ length: 1000 }, (_, i) => transaction(i)))
      assert.deepStrictEqual(new Set(verdicts), new Set(["ready", "accepted"]))
      assert.strictEqual(verdicts.length, 2000)
    }))
})

describe("Under hostile input", () => {
  /** Believes every signature, so that a hundred thousand of them cost no minute. */
  const credulous = Layer.succeed(Crypto, { ...crypto, verify: () => true })

  const messages = 100_000
  const nodeAt = 8
  const slotAt = 40

  it.effect.each([["all over the place", 2 ** 32], ["in one slot", 1], ["in a few slots", 300]] as const)(
    "statements of 100,000 keys %s stay within the bounds",
    ([_, slots]) =>
      Effect.gen(function*() {
        const app = yield* MemoryApplication.make({ passphrase }).pipe(Effect.provide(credulous))
        const roll = numbers(7)
        const template = statement(new Uint8Array(32), 0, nominate(["x".repeat(1000)]))
        const peak = { slots: 0, nodes: 0, statementBytes: 0 }
        const verdicts = { ready: 0, kept: 0, discarded: 0, malformed: 0, accepted: 0, duplicate: 0, rejected: 0 }
        for (let i = 0; i < messages; i++) {
          const bytes = template.slice()
          const view = new DataView(bytes.buffer)
          view.setUint32(nodeAt, i)
          view.setUint32(slotAt, slots === 2 ** 32 ? roll(slots) : 0)
          view.setUint32(slotAt + 4, roll(slots))
          for (const verdict of judge(app, scp(bytes))) verdicts[verdict]++
          const size = app.size()
          peak.slots = Math.max(peak.slots, size.slots)
          peak.nodes = Math.max(peak.nodes, size.nodes)
          peak.statementBytes = Math.max(peak.statementBytes, size.statementBytes)
        }
        assert.isAtMost(peak.slots, limits.SCP_SLOTS)
        assert.isAtMost(peak.nodes, limits.SCP_NODES)
        assert.isAtMost(peak.statementBytes, limits.SCP_HELD_BYTES)
        assert.isAbove(peak.nodes, 200)
        assert.deepStrictEqual([verdicts.discarded, verdicts.malformed], [0, 0])
        assert.isAtMost(stateOf(app, 0).length, limits.LEDGER_VALIDITY_BRACKET * limits.SCP_NODES_PER_SLOT)
        if (slots === 1) assert.deepStrictEqual([verdicts.ready, peak.nodes], [1000, 1000])
      })
  )

  it.effect("100,000 transactions stay within the bounds, by number and by bytes", () =>
    Effect.gen(function*() {
      for (
        const [length, bytesAtMost] of [[40, 40 * limits.HELD_TRANSACTIONS], [
          4000,
          limits.HELD_TRANSACTION_BYTES
        ]] as const
      ) {
        const app = yield* application({ transactionsPerSecond: 1e9 })
        const template = transaction(0, length)
        for (let i = 0; i < messages; i++) judge(app, { ...template, hash: hashOf(i) })
        const size = app.size()
        assert.isAtMost(size.transactions, limits.HELD_TRANSACTIONS)
        assert.isAtMost(size.transactionBytes, bytesAtMost)
        assert.isAbove(size.transactionBytes, bytesAtMost - length)
        assert.strictEqual(size.transactionsSeen, limits.SEEN_TRANSACTIONS)
        assert.isDefined(app.transaction(hashOf(messages - 1)))
        assert.isUndefined(app.transaction(hashOf(0)))
      }
    }))

  it.effect("sets without end stay within the bounds", () =>
    Effect.gen(function*() {
      const app = yield* application()
      for (let i = 0; i < 3000; i++) {
        const set = new Uint8Array(100)
        new DataView(set.buffer).setUint32(10, i)
        app.addTransactionSet(hashOf(i), set)
        app.addQuorumSet(set)
      }
      assert.deepStrictEqual([app.size().transactionSets, app.size().quorumSets], [
        limits.HELD_TRANSACTION_SETS,
        limits.HELD_QUORUM_SETS
      ])
    }))
})

describe("As a layer", () => {
  it.effect("it is the application of a node", () =>
    Effect.gen(function*() {
      const app = yield* Application
      assert.deepStrictEqual(judge(app, transaction(1)), ["accepted"])
    }).pipe(Effect.provide(MemoryApplication.layer({ passphrase }).pipe(Layer.provide(NodeCrypto.layer)))))

  it.effect("it dies of a network id that is too short, and of a trusted key that is none", () =>
    Effect.gen(function*() {
      const wrong: ReadonlyArray<MemoryApplication.MemoryApplicationOptions> = [
        { networkId: new Uint8Array(31) },
        { passphrase, trusted: [PeerId("GNOBODY")] },
        { passphrase, trusted: [new Uint8Array(33)] }
      ]
      for (const options of wrong) {
        const exit = yield* Effect.exit(Effect.provide(MemoryApplication.make(options), NodeCrypto.layer))
        assert.isTrue(Exit.isFailure(exit) && Exit.hasDies(exit))
      }
    }))
})
