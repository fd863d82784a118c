/**
 * The reasons for which a peer ends, against the protocol's own list of codes and texts.
 */
import { assert, describe, it } from "@effect/vitest"
import {
  bug,
  connectFailed,
  type DropReason,
  handshakeTimeout,
  idleTimeout,
  linkLost
} from "../../../src/core/DropReason.ts"
import { PeerId } from "../../../src/core/PeerId.ts"
import {
  alreadyConnected,
  beforeHandshake,
  Drop,
  errorCodeName,
  isAborted,
  remoteError,
  saysAlreadyConnected,
  simultaneousDial
} from "../../../src/core/stellar/DropReason.ts"

type Row = readonly [text: string, reason: DropReason]

/** What is said before the connection closes: code and text (Stellar overlay protocol, errors). */
const spoken: ReadonlyArray<readonly [code: number, ...Row]> = [
  [2, "wrong protocol version", Drop.WrongProtocolVersion],
  [2, "connecting to self", Drop.ConnectingToSelf],
  [2, "wrong network passphrase", Drop.WrongNetwork],
  [2, "bad address", Drop.BadAddress],
  [2, "already-connected peer: GABCD", alreadyConnected("GABCD")],
  // Ours by name only: to the other side it is the same.
  [2, "already-connected peer: GABCD", simultaneousDial(PeerId("GABCDEFGH"), "us")],
  [2, "flow control bytes disabled", Drop.FlowControlDisabled],
  [0, "out-of-order AUTH message", Drop.OutOfOrderAuth],
  [0, "shutdown", Drop.Shutdown],
  [0, "dropped by user", Drop.DroppedByUser],
  [0, "Survey has invalid signature", Drop.SurveySignature],
  [4, "peer rejected", Drop.PeerRejected],
  // Ours by name only: to the other side it is the same.
  [4, "peer rejected", Drop.InboundOverShare],
  [4, "preferred peer selected instead", Drop.PreferredPeerSelected],
  [4, "random disconnect due to out of sync", Drop.OutOfSync],
  [3, "unexpected auth sequence", Drop.UnexpectedSequence],
  [3, "receive mac key is zero", Drop.ZeroMacKey],
  [3, "unexpected MAC", Drop.UnexpectedMac],
  [1, "received corrupt XDR", Drop.CorruptXdr],
  // Ours: what only an application can tell is said in the same words, for the peer can tell no difference.
  [1, "received corrupt XDR", Drop.MalformedByApplication]
]

/** What is never said, only logged (Stellar overlay protocol, silent drops). */
const silent: ReadonlyArray<Row> = [
  ["received unexpected HELLO", Drop.UnexpectedHello],
  ["failed to verify auth cert", Drop.BadCertificate],
  ["node is banned", Drop.Banned],
  ["received TX_SET before completed handshake", beforeHandshake("TX_SET")],
  ["received PEERS", Drop.UnexpectedPeers],
  ["too many msgs PEERS", Drop.TooManyPeers],
  ["unexpected message type SEND_MORE", Drop.UnexpectedSendMore],
  ["invalid message SEND_MORE_EXTENDED", Drop.InvalidSendMore],
  ["Peer capacity overflow", Drop.CapacityOverflow],
  ["unexpected flood message, peer at capacity", Drop.OverCapacity],
  ["idle timeout", idleTimeout],
  ["idle timeout", handshakeTimeout],
  ["idle timeout (no new flood requests)", Drop.NoCredit],
  ["straggling (cannot keep up)", Drop.Straggling],
  ["unable to connect: no route", connectFailed("unreachable", "no route")],
  ["error during read", Drop.BadRecordLength],
  ["Bad crypto request", Drop.BadCryptoRequest],
  ["all pending inbound connections are taken", Drop.PendingFull],
  ["all outbound connections taken", Drop.OutboundFull],
  ["auth cert is valid for too long", Drop.LongCertificate],
  // Ours, where core has no such bound or speaks of its own machinery.
  ["straggling (cannot keep up)", Drop.OutboxFull],
  ["a frame was begun and not finished", Drop.FrameTimeout],
  ["all pending connections of this address are taken", Drop.PendingOfAddressFull],
  ["all pending connections of this /24 are taken", Drop.PendingOfSubnetFull],
  ["too many connections a second of this /24", Drop.SubnetRateExceeded],
  ["already connected to this address", Drop.AlreadyConnectedAddress],
  ["the store failed", Drop.StoreFailed],
  ["the peer closed the connection", linkLost("ended", "whatever the machine says")],
  ["already-connected peer: GABCD", simultaneousDial(PeerId("GABCDEFGH"), "them")],
  ["read ECONNRESET", linkLost("reset", "read ECONNRESET")],
  ["internal error: x is not a function", bug("x is not a function")]
]

// Two of the protocol's list cannot happen here: "crypto error" (no function of ours throws on what a peer sent) and
// "failed to determine remote address" (a link has its address from the start).

describe("the reasons for which a peer ends", () => {
  it("are said with stellar-core's code and text where core says them", () => {
    for (const [code, text, reason] of spoken) {
      assert.deepStrictEqual(reason.lastWords, { code, text }, reason._tag)
      assert.strictEqual(reason.text, text)
    }
  })

  it("are kept silent where core is silent, with core's text in the log", () => {
    for (const [text, reason] of silent) {
      assert.isFalse("lastWords" in reason, reason._tag)
      assert.strictEqual(reason.text, text)
    }
  })

  it("all stand in these tables", () => {
    const tags = new Set([...spoken.map(([, , reason]) => reason._tag), ...silent.map(([, reason]) => reason._tag)])
    assert.deepStrictEqual(Object.keys(Drop).filter((tag) => !tags.has(tag)), [])
  })

  it("are named by the key under which they stand, and are ours", () => {
    for (const [tag, reason] of Object.entries(Drop)) {
      assert.strictEqual(reason._tag, tag)
      assert.strictEqual(reason.endedBy, "us")
    }
  })

  it("each have one sentence of advice", () => {
    const reasons = [
      ...Object.values(Drop),
      ...spoken.map(([, , reason]) => reason),
      ...silent.map(([, reason]) => reason),
      remoteError(4, "peer rejected"),
      remoteError(0, "anything")
    ]
    for (const { _tag, advice } of reasons) assert.match(advice, /^[A-Z][^.]{20,}\.$/, _tag)
  })

  it("fit into an ERROR_MSG, whose text has at most 100 bytes", () => {
    for (const [, , { lastWords }] of spoken) assert.isAtMost(lastWords!.text.length, 100)
  })
})

describe("an attempt that was ended from here", () => {
  it("says nothing of the address, unless there is a second way to a peer that is here", () => {
    const ours = [simultaneousDial(PeerId("GABCD"), "us"), simultaneousDial(PeerId("GABCD"), "them"), Drop.Shutdown]
    assert.deepStrictEqual(ours.map(isAborted), [true, true, true])
    assert.isTrue(isAborted(connectFailed("failed", "this machine has no more descriptors")))
    const theirs = [
      alreadyConnected("GABCD"),
      handshakeTimeout,
      Drop.Banned,
      linkLost("ended", ""),
      connectFailed("refused", ""),
      remoteError(2, "already-connected peer: GABCD"),
      remoteError(0, "shutdown")
    ]
    assert.deepStrictEqual(theirs.filter(isAborted), [])
  })
})

describe("what a peer says before it closes", () => {
  it("is known to mean a second connection by core's words alone", () => {
    assert.isTrue(saysAlreadyConnected(remoteError(2, alreadyConnected("GABCD").text)))
    assert.isFalse(saysAlreadyConnected(remoteError(2, "bad address")))
  })

  it("is shown with its code's name, and with everything but letters, digits and spaces replaced [ref 10.4 text of ERROR_MSG]", () => {
    assert.strictEqual(remoteError(2, "wrong protocol version").text, "ERR_CONF (wrong protocol version)")
    assert.strictEqual(remoteError(4, "a\n\u001b[31m<b>'\"ü").text, "ERR_LOAD (a***31m*b****)")
    assert.strictEqual(remoteError(-7, "").text, "error -7 ()")
  })

  it("ends the session from their side, and is answered with nothing", () => {
    const reason = remoteError(0, "shutdown")
    assert.strictEqual(reason.endedBy, "them")
    assert.isFalse("lastWords" in reason)
  })

  it("brings advice for what core says, and no other words of its choice", () => {
    const general = remoteError(0, "something").advice
    assert.notStrictEqual(remoteError(4, "peer rejected").advice, general)
    assert.match(remoteError(2, "already-connected peer: GABCD").advice, /already/)
    for (const text of ["constructor", "toString", "__proto__", "hasOwnProperty"]) {
      assert.strictEqual(remoteError(0, text).advice, general, text)
    }
  })

  it("has the names of the codes in use", () => {
    assert.deepStrictEqual([0, 1, 2, 3, 4].map(errorCodeName), [
      "ERR_MISC",
      "ERR_DATA",
      "ERR_CONF",
      "ERR_AUTH",
      "ERR_LOAD"
    ])
  })
})
