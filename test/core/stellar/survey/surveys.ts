/** Keys and messages of surveys, for the tests of what becomes of them. */
import { Result } from "effect"
import { readFileSync } from "node:fs"
import type { Signer } from "../../../../src/core/Crypto.ts"
import type { PeerId } from "../../../../src/core/PeerId.ts"
import { decodeMessage } from "../../../../src/core/stellar/messages.ts"
import { peerIdFromPublicKey } from "../../../../src/core/stellar/StrKey.ts"
import {
  collectingMessage,
  type Dated,
  isSurveyMessage,
  requestMessage,
  responseMessage,
  type SurveyMessage
} from "../../../../src/core/stellar/survey/SurveyMessages.ts"
import type { SurveyedPeer } from "../../../../src/core/stellar/survey/SurveySlice.ts"
import * as NodeCrypto from "../../../../src/layers/node/NodeCrypto.ts"
import { signerOf } from "../../../support/statements.ts"

export const crypto = NodeCrypto.make()

export const bytes = (hex: string): Uint8Array => Uint8Array.from(Buffer.from(hex, "hex"))

/** Golden messages of one survey: who signs what rests on the protocol's text, the bytes on several libraries of XDR. */
export const vectors: {
  readonly surveyor: { readonly seedHex: string; readonly publicKey: string; readonly encryptionSecret: string }
  readonly surveyed: { readonly seedHex: string; readonly publicKey: string }
  readonly surveyNonce: number
  readonly steps: ReadonlyArray<{ readonly id: string; readonly messageXdr: string }>
  readonly startSignatureReusedAsStop: { readonly messageXdr: string }
  readonly responseBody: { readonly plaintextXdr: string; readonly sealed: string }
  readonly invalidSignatures: ReadonlyArray<{ readonly id: string; readonly messageXdr: string }>
  readonly largestBody: { readonly plaintextBytes: number; readonly sealedBytes: number }
} = JSON.parse(readFileSync(new URL("../../../fixtures/stellar-vectors/survey.json", import.meta.url), "utf8"))

/** The bytes of a golden message. */
export const golden = (id: string): Uint8Array => bytes(vectors.steps.find((step) => step.id === id)!.messageXdr)

/** A message of a survey from its bytes. */
export const surveyMessage = (whole: Uint8Array): SurveyMessage => {
  const message = Result.getOrThrow(decodeMessage(whole))
  if (!isSurveyMessage(message)) throw new Error(`${message._tag} is of no survey`)
  return message
}

/** A node: its key pair, and its name. */
export interface Node {
  readonly signer: Signer
  readonly id: PeerId
}

/** Making a key pair costs more than all else that is done with most of them. */
const nodes = new Map<number, Node>()

/** The node of a number. */
export const node = (number: number): Node => {
  const known = nodes.get(number)
  if (known !== undefined) return known
  const signer = signerOf(number)
  const made = { signer, id: peerIdFromPublicKey(signer.publicKey) }
  nodes.set(number, made)
  return made
}

/** A node of which only the key is known. */
export interface NodeKey {
  readonly signer: { readonly publicKey: Uint8Array }
}

export const start = (surveyor: Node, dated: Dated): Uint8Array =>
  Result.getOrThrow(collectingMessage("TIME_SLICED_SURVEY_START_COLLECTING", surveyor.signer, dated))

export const stop = (surveyor: Node, dated: Dated): Uint8Array =>
  Result.getOrThrow(collectingMessage("TIME_SLICED_SURVEY_STOP_COLLECTING", surveyor.signer, dated))

/** Where the answers of these tests are sealed to. */
export const encryptionSecret = new Uint8Array(32).fill(5)

export const request = (
  surveyor: Node,
  surveyed: NodeKey,
  dated: Dated,
  from = { inbound: 0, outbound: 0 },
  encryptionKey = crypto.agreementPublicKey(encryptionSecret)
): Uint8Array =>
  Result.getOrThrow(
    requestMessage(surveyor.signer, { ...dated, surveyed: surveyed.signer.publicKey, encryptionKey, from })
  )

export const response = (
  surveyed: Node,
  surveyor: NodeKey,
  dated: Dated,
  encryptedBody: Uint8Array = new Uint8Array(48)
): Uint8Array =>
  Result.getOrThrow(
    responseMessage(surveyed.signer, { ...dated, surveyor: surveyor.signer.publicKey, encryptedBody })
  )

/** The same message with a bit of its signature changed, in the byte of this place. */
export const damaged = (whole: Uint8Array, place = 0): Uint8Array => {
  const changed = whole.slice()
  // Behind the kind (4) and the length (4).
  changed[8 + place]! ^= 1
  return changed
}

/** A peer whose counters a test sets. */
export const countedPeer = (number: number, direction: "inbound" | "outbound", sinceMillis = 0) => {
  const counted = {
    messagesRead: 0,
    messagesWritten: 0,
    bytesRead: 0,
    bytesWritten: 0,
    uniqueFloodBytes: 0,
    duplicateFloodBytes: 0,
    uniqueFetchBytes: 0,
    duplicateFetchBytes: 0,
    uniqueFloodMessages: 0,
    duplicateFloodMessages: 0,
    uniqueFetchMessages: 0,
    duplicateFetchMessages: 0
  }
  const { id, signer } = node(number)
  const peer: SurveyedPeer = {
    id,
    publicKey: signer.publicKey,
    direction,
    versionBytes: new TextEncoder().encode(`version ${number}`),
    sinceMillis,
    tally: () => ({ ...counted })
  }
  return { peer, counted }
}
