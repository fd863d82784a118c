/**
 * The four messages of a survey: how they are made, and whether their signatures hold.
 *
 * A signature is over the XDR of the struct that follows it, without network id and not hashed. So the signature of a START is one
 * of the STOP of the same survey and ledger, too: number and phase hold that. Source: Stellar overlay protocol, survey signatures.
 */
import { Result } from "effect"
import type { CryptoShape, Signer } from "../../Crypto.ts"
import { paddingLength, WORD_BYTES } from "../../Xdr.ts"
import { encodeMessage, type StellarMessage } from "../messages.ts"
import {
  TIME_SLICED_SURVEY_TOPOLOGY,
  TimeSlicedSurveyRequestMessage,
  TimeSlicedSurveyResponseMessage,
  TimeSlicedSurveyStartCollectingMessage,
  TimeSlicedSurveyStopCollectingMessage
} from "../messages/survey.ts"
import { encodeXdr, type UnencodableXdr } from "../XdrCodec.ts"
import type { Indices } from "./SurveyBacklog.ts"

/** The kinds of message that make up a survey. */
export type SurveyKind =
  | "TIME_SLICED_SURVEY_START_COLLECTING"
  | "TIME_SLICED_SURVEY_STOP_COLLECTING"
  | "TIME_SLICED_SURVEY_REQUEST"
  | "TIME_SLICED_SURVEY_RESPONSE"

/** A message of a survey. */
export type SurveyMessage = Extract<StellarMessage, { _tag: SurveyKind }>

/** Tells whether a message belongs to a survey. */
export const isSurveyMessage = (message: StellarMessage): message is SurveyMessage =>
  message._tag === "TIME_SLICED_SURVEY_REQUEST" || message._tag === "TIME_SLICED_SURVEY_RESPONSE"
  || message._tag === "TIME_SLICED_SURVEY_START_COLLECTING" || message._tag === "TIME_SLICED_SURVEY_STOP_COLLECTING"

type Encoded = Result.Result<Uint8Array, UnencodableXdr>

/** What a surveyor's message names beside the surveyor. Both are uint32. */
export interface Dated {
  readonly nonce: number
  readonly ledger: number
}

/** A whole START or STOP of this surveyor. */
export const collectingMessage = (
  kind: "TIME_SLICED_SURVEY_START_COLLECTING" | "TIME_SLICED_SURVEY_STOP_COLLECTING",
  surveyor: Signer,
  { ledger, nonce }: Dated
): Encoded => {
  const collecting = { surveyorID: surveyor.publicKey, nonce, ledgerNum: ledger }
  return kind === "TIME_SLICED_SURVEY_START_COLLECTING"
    ? Result.flatMap(encodeXdr(TimeSlicedSurveyStartCollectingMessage, collecting), (signed) =>
      encodeMessage({
        _tag: kind,
        startCollecting: { signature: surveyor.sign(signed), startCollecting: collecting }
      }))
    : Result.flatMap(encodeXdr(TimeSlicedSurveyStopCollectingMessage, collecting), (signed) =>
      encodeMessage({
        _tag: kind,
        stopCollecting: { signature: surveyor.sign(signed), stopCollecting: collecting }
      }))
}

/** What a request names beside surveyor, number and ledger. */
export interface Request extends Dated {
  /** The public key of the node that is asked: 32 bytes. */
  readonly surveyed: Uint8Array
  /** The X25519 key that the answer is sealed to: 32 bytes. */
  readonly encryptionKey: Uint8Array
  readonly from: Indices
}

/** A whole REQUEST of this surveyor. */
export const requestMessage = (
  surveyor: Signer,
  { encryptionKey, from, ledger, nonce, surveyed }: Request
): Encoded => {
  const request: TimeSlicedSurveyRequestMessage = {
    request: {
      surveyorPeerID: surveyor.publicKey,
      surveyedPeerID: surveyed,
      ledgerNum: ledger,
      encryptionKey,
      commandType: TIME_SLICED_SURVEY_TOPOLOGY
    },
    nonce,
    inboundPeersIndex: from.inbound,
    outboundPeersIndex: from.outbound
  }
  return Result.flatMap(encodeXdr(TimeSlicedSurveyRequestMessage, request), (signed) =>
    encodeMessage({
      _tag: "TIME_SLICED_SURVEY_REQUEST",
      surveyRequest: { requestSignature: surveyor.sign(signed), request }
    }))
}

/** What an answer names beside the node that answers. */
export interface Response extends Dated {
  /** The public key of the surveyor: 32 bytes. */
  readonly surveyor: Uint8Array
  /** At most `MAX_SURVEY_BODY_BYTES`. */
  readonly encryptedBody: Uint8Array
}

/** A whole RESPONSE of this node. */
export const responseMessage = (
  surveyed: Signer,
  { encryptedBody, ledger, nonce, surveyor }: Response
): Encoded => {
  const response: TimeSlicedSurveyResponseMessage = {
    response: {
      surveyorPeerID: surveyor,
      surveyedPeerID: surveyed.publicKey,
      ledgerNum: ledger,
      commandType: TIME_SLICED_SURVEY_TOPOLOGY,
      encryptedBody
    },
    nonce
  }
  return Result.flatMap(encodeXdr(TimeSlicedSurveyResponseMessage, response), (signed) =>
    encodeMessage({
      _tag: "TIME_SLICED_SURVEY_RESPONSE",
      surveyResponse: { responseSignature: surveyed.sign(signed), response }
    }))
}

/** The signature of a message, and the key that must have made it. */
const signatureOf = (message: SurveyMessage): readonly [signature: Uint8Array, signer: Uint8Array] => {
  switch (message._tag) {
    case "TIME_SLICED_SURVEY_START_COLLECTING":
      return [message.startCollecting.signature, message.startCollecting.startCollecting.surveyorID]
    case "TIME_SLICED_SURVEY_STOP_COLLECTING":
      return [message.stopCollecting.signature, message.stopCollecting.stopCollecting.surveyorID]
    case "TIME_SLICED_SURVEY_REQUEST":
      return [message.surveyRequest.requestSignature, message.surveyRequest.request.request.surveyorPeerID]
    case "TIME_SLICED_SURVEY_RESPONSE":
      return [message.surveyResponse.responseSignature, message.surveyResponse.response.response.surveyedPeerID]
  }
}

/** Tells whether the signature of a message holds; `bytes` is the whole message that `message` was decoded from. */
export const isSigned = (
  verify: CryptoShape["verify"],
  message: SurveyMessage,
  bytes: Uint8Array
): boolean => {
  const [signature, signer] = signatureOf(message)
  // Kind (4), length (4), signature; then what is signed, to the end.
  return verify(signer, bytes.subarray(2 * WORD_BYTES + signature.length + paddingLength(signature.length)), signature)
}
