/**
 * Everything that two Stellar nodes say to each other: the message as a value, and its way from and to bytes.
 *
 * The parts are in `messages/`, by subject. Each schema there is the one source of its type and of its bytes.
 * Source: Stellar overlay protocol, Stellar-overlay.x.
 */
import { case as arm, field, type Infer, uint32, union } from "@stellar/js-xdr"
import type { Result } from "effect"
import { MAX_PEERS_PER_MESSAGE } from "./limits.ts"
import { Uint256 } from "./messages/base.ts"
import { FloodAdvert, FloodDemand, SendMore, SendMoreExtended } from "./messages/flood.ts"
import { Auth, DontHave, ErrorMessage, Hello, PeerAddress } from "./messages/handshake.ts"
import { SCPEnvelope, SCPQuorumSet } from "./messages/scp.ts"
import {
  SignedTimeSlicedSurveyRequestMessage,
  SignedTimeSlicedSurveyResponseMessage,
  SignedTimeSlicedSurveyStartCollectingMessage,
  SignedTimeSlicedSurveyStopCollectingMessage
} from "./messages/survey.ts"
import { decodeXdr, Discriminant, encodeXdr, list, type MalformedXdr, Rest, type UnencodableXdr } from "./XdrCodec.ts"

/**
 * The kinds of message by name: the first word of a message. 1 was never used; 4, 14 and 15 were removed from the
 * protocol and are malformed, and so is what is above 24.
 */
export const MessageType = {
  ERROR_MSG: 0,
  AUTH: 2,
  DONT_HAVE: 3,
  PEERS: 5,
  GET_TX_SET: 6,
  TX_SET: 7,
  TRANSACTION: 8,
  GET_SCP_QUORUMSET: 9,
  SCP_QUORUMSET: 10,
  SCP_MESSAGE: 11,
  GET_SCP_STATE: 12,
  HELLO: 13,
  SEND_MORE: 16,
  GENERALIZED_TX_SET: 17,
  FLOOD_ADVERT: 18,
  FLOOD_DEMAND: 19,
  SEND_MORE_EXTENDED: 20,
  TIME_SLICED_SURVEY_REQUEST: 21,
  TIME_SLICED_SURVEY_RESPONSE: 22,
  TIME_SLICED_SURVEY_START_COLLECTING: 23,
  TIME_SLICED_SURVEY_STOP_COLLECTING: 24
} as const

/** The name of a kind of message, as the protocol's XDR has it. */
export type MessageName = keyof typeof MessageType

/** The number of a kind of message. */
export type MessageType = (typeof MessageType)[MessageName]

const discriminant = new Discriminant("MessageType", MessageType)

/** The name of the kind with this number, such as `"TRANSACTION"`; `undefined` if there is none. */
export const messageName = (type: number): MessageName | undefined => discriminant.nameByValue.get(type)

/** The bytes behind the first word, as they are: a transaction or a set of them is judged by a walk, not decoded. */
const undecoded = new Rest(0)

/** The schema of `StellarMessage`: the discriminant as its name under `_tag`, and one field with what the kind carries. */
export const StellarMessage = union("StellarMessage", {
  switchOn: discriminant,
  switchKey: "_tag",
  cases: [
    arm("errorMsg", "ERROR_MSG", field("error", ErrorMessage)),
    arm("auth", "AUTH", field("auth", Auth)),
    arm("dontHave", "DONT_HAVE", field("dontHave", DontHave)),
    arm("peers", "PEERS", field("peers", list(PeerAddress, MAX_PEERS_PER_MESSAGE))),
    arm("getTxSet", "GET_TX_SET", field("txSetHash", Uint256)),
    arm("txSet", "TX_SET", field("txSet", undecoded)),
    arm("transaction", "TRANSACTION", field("transaction", undecoded)),
    arm("getScpQuorumSet", "GET_SCP_QUORUMSET", field("qSetHash", Uint256)),
    arm("scpQuorumSet", "SCP_QUORUMSET", field("qSet", SCPQuorumSet)),
    arm("scpMessage", "SCP_MESSAGE", field("envelope", SCPEnvelope)),
    arm("getScpState", "GET_SCP_STATE", field("ledgerSeq", uint32())),
    arm("hello", "HELLO", field("hello", Hello)),
    arm("sendMore", "SEND_MORE", field("sendMore", SendMore)),
    arm("generalizedTxSet", "GENERALIZED_TX_SET", field("generalizedTxSet", undecoded)),
    arm("floodAdvert", "FLOOD_ADVERT", field("floodAdvert", FloodAdvert)),
    arm("floodDemand", "FLOOD_DEMAND", field("floodDemand", FloodDemand)),
    arm("sendMoreExtended", "SEND_MORE_EXTENDED", field("sendMoreExtended", SendMoreExtended)),
    arm("surveyRequest", "TIME_SLICED_SURVEY_REQUEST", field("surveyRequest", SignedTimeSlicedSurveyRequestMessage)),
    arm(
      "surveyResponse",
      "TIME_SLICED_SURVEY_RESPONSE",
      field("surveyResponse", SignedTimeSlicedSurveyResponseMessage)
    ),
    arm(
      "startCollecting",
      "TIME_SLICED_SURVEY_START_COLLECTING",
      field("startCollecting", SignedTimeSlicedSurveyStartCollectingMessage)
    ),
    arm(
      "stopCollecting",
      "TIME_SLICED_SURVEY_STOP_COLLECTING",
      field("stopCollecting", SignedTimeSlicedSurveyStopCollectingMessage)
    )
  ]
})

/**
 * A message as a value, told apart by `_tag`, which is its `MessageName`.
 *
 * Texts are bytes (XDR does not say UTF-8), keys and hashes their 32 bytes, 64-bit integers bigints. `TX_SET`,
 * `TRANSACTION` and `GENERALIZED_TX_SET` carry the XDR of what they are about, undecoded.
 *
 * @example
 * ```ts
 * const grant: StellarMessage = {
 *   _tag: "SEND_MORE_EXTENDED",
 *   sendMoreExtended: { numMessages: 200, numBytes: 300_000 }
 * }
 * ```
 */
export type StellarMessage = Infer<typeof StellarMessage>

/**
 * Decodes the bytes of one message, from its first word to its last.
 *
 * Unknown values of plain enum fields (`ErrorMessage.code`, `DontHave.type`, `commandType` of surveys) are let through,
 * as in core. The bytes of `TX_SET`, `TRANSACTION` and `GENERALIZED_TX_SET` behind the first word are not judged here.
 */
export const decodeMessage = (bytes: Uint8Array): Result.Result<StellarMessage, MalformedXdr> =>
  decodeXdr(StellarMessage, bytes)

/** Encodes a message; refused is a value that breaks a bound of its kind. */
export const encodeMessage = (message: StellarMessage): Result.Result<Uint8Array, UnencodableXdr> =>
  encodeXdr(StellarMessage, message)
