/** The messages of a survey: byte for byte those of the protocol, signed by whom they name. */
import { assert, describe, it } from "@effect/vitest"
import { Result } from "effect"
import { MAX_SURVEY_BODY_BYTES } from "../../../../src/core/stellar/limits.ts"
import { decodeMessage, MessageType } from "../../../../src/core/stellar/messages.ts"
import {
  collectingMessage,
  isSigned,
  isSurveyMessage,
  requestMessage,
  responseMessage
} from "../../../../src/core/stellar/survey/SurveyMessages.ts"
import { bytes, crypto, damaged, golden, node, start, surveyMessage, vectors } from "./surveys.ts"

const surveyor = crypto.signer(bytes(vectors.surveyor.seedHex))
const surveyed = crypto.signer(bytes(vectors.surveyed.seedHex))
const nonce = vectors.surveyNonce

const holds = (whole: Uint8Array): boolean => isSigned(crypto.verify, surveyMessage(whole), whole)

describe("the messages of a survey", () => {
  it("are those of the protocol, byte for byte", () => {
    const collecting = { nonce, ledger: 1000 }
    const made = {
      "start-collecting": collectingMessage("TIME_SLICED_SURVEY_START_COLLECTING", surveyor, collecting),
      "stop-collecting": collectingMessage("TIME_SLICED_SURVEY_STOP_COLLECTING", surveyor, collecting),
      request: requestMessage(surveyor, {
        nonce,
        ledger: 1001,
        surveyed: surveyed.publicKey,
        encryptionKey: crypto.agreementPublicKey(bytes(vectors.surveyor.encryptionSecret)),
        from: { inbound: 0, outbound: 0 }
      }),
      response: responseMessage(surveyed, {
        nonce,
        ledger: 1001,
        surveyor: surveyor.publicKey,
        encryptedBody: bytes(vectors.responseBody.sealed)
      })
    }
    for (const [id, encoded] of Object.entries(made)) {
      assert.deepStrictEqual(Result.getOrThrow(encoded), golden(id), id)
      assert.isTrue(holds(golden(id)), id)
    }
  })

  for (const { id, messageXdr } of vectors.invalidSignatures) {
    it(`are refused with a wrong signature: ${id}`, () => {
      assert.isFalse(holds(bytes(messageXdr)))
    })
  }

  it("are refused with a signature of another length", () => {
    const message = surveyMessage(start(node(1), { nonce: 1, ledger: 1 }))
    assert(message._tag === "TIME_SLICED_SURVEY_START_COLLECTING")
    for (const length of [0, 5, 60, 63]) {
      const { startCollecting } = message.startCollecting
      const signature = new Uint8Array(length)
      const whole = start(node(1), { nonce: 1, ledger: 1 })
      assert.isFalse(isSigned(crypto.verify, { ...message, startCollecting: { signature, startCollecting } }, whole))
    }
  })

  it("let the signature of a START stand under a STOP: phase and number must hold that", () => {
    const whole = bytes(vectors.startSignatureReusedAsStop.messageXdr)
    assert.strictEqual(surveyMessage(whole)._tag, "TIME_SLICED_SURVEY_STOP_COLLECTING")
    assert.isTrue(holds(whole))
    assert.isFalse(holds(damaged(whole)))
  })

  it("are refused by the encoder when a sealed answer is too long, or a number no uint32", () => {
    const response = (length: number) =>
      responseMessage(surveyed, {
        nonce,
        ledger: 1,
        surveyor: surveyor.publicKey,
        encryptedBody: new Uint8Array(length)
      })
    assert.isTrue(Result.isSuccess(response(MAX_SURVEY_BODY_BYTES)))
    assert.isTrue(Result.isFailure(response(MAX_SURVEY_BODY_BYTES + 1)))
    for (const nonce of [-1, 2 ** 32, 0.5]) {
      const made = collectingMessage("TIME_SLICED_SURVEY_START_COLLECTING", surveyor, { nonce, ledger: 1 })
      assert.isTrue(Result.isFailure(made), `${nonce}`)
    }
  })

  it("are told from all others", () => {
    assert.isFalse(isSurveyMessage({ _tag: "GET_SCP_STATE", ledgerSeq: 1 }))
    for (const id of ["start-collecting", "stop-collecting", "request", "response"]) {
      assert.isTrue(isSurveyMessage(Result.getOrThrow(decodeMessage(golden(id)))))
    }
    assert.strictEqual(golden("request")[3], MessageType.TIME_SLICED_SURVEY_REQUEST)
  })
})
