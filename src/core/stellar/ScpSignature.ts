/**
 * The signature of a statement of consensus.
 *
 * It is the node's, over network id (32 bytes), envelope type SCP = 1 (4) and the XDR of the statement; these bytes are
 * signed as they are and not hashed, other than those of a certificate. So a statement of another network does not verify.
 * Source: Stellar consensus protocol, SCPEnvelope.
 */
import type { CryptoShape, Signer } from "../Crypto.ts"
import { MAX_SIGNATURE_BYTES, SCP_SCRATCH_BYTES } from "./limits.ts"
import type { ScpOffsets } from "./MessageWalk.ts"

/** How many bytes a network id and a public key have. */
const KEY_BYTES = 32
/** XDR's `ENVELOPE_TYPE_SCP`: keeps a signature made here from meaning anything elsewhere. */
const ENVELOPE_TYPE_SCP = 1
/** Where the statement stands in what is signed. */
const STATEMENT_OFFSET = KEY_BYTES + 4

/** Signs and verifies the statements of one network. */
export class ScpSignature {
  readonly #crypto: CryptoShape
  /** What is signed, of one statement after the other; the first 36 bytes stay. */
  readonly #scratch: Uint8Array

  /** `networkId` is the SHA-256 of the network's passphrase. */
  constructor(crypto: CryptoShape, networkId: Uint8Array) {
    this.#crypto = crypto
    this.#scratch = new Uint8Array(STATEMENT_OFFSET + SCP_SCRATCH_BYTES)
    this.#scratch.set(networkId.subarray(0, KEY_BYTES), 0)
    new DataView(this.#scratch.buffer).setUint32(KEY_BYTES, ENVELOPE_TYPE_SCP)
  }

  /**
   * Whether the node that an SCP_MESSAGE names has signed its statement. `offsets` are of a walk over the same bytes that
   * said true. A signature of another length than 64 bytes is well formed, and false.
   */
  verify(bytes: Uint8Array, offsets: ScpOffsets): boolean {
    if (offsets.signatureBytes !== MAX_SIGNATURE_BYTES) return false
    return this.#crypto.verify(
      bytes.subarray(offsets.nodeID, offsets.nodeID + KEY_BYTES),
      this.#signed(bytes, offsets.statementStart, offsets.statementEnd),
      bytes.subarray(offsets.signature, offsets.signature + MAX_SIGNATURE_BYTES)
    )
  }

  /** The signature (64 bytes) of the XDR of a statement. */
  sign(signer: Signer, statement: Uint8Array): Uint8Array {
    return signer.sign(this.#signed(statement, 0, statement.length))
  }

  /** What is signed; the next call overwrites it. */
  #signed(bytes: Uint8Array, start: number, end: number): Uint8Array {
    const length = STATEMENT_OFFSET + end - start
    let signed = this.#scratch
    if (length > signed.length) {
      signed = new Uint8Array(length)
      signed.set(this.#scratch.subarray(0, STATEMENT_OFFSET), 0)
    }
    signed.set(bytes.subarray(start, end), STATEMENT_OFFSET)
    return signed.subarray(0, length)
  }
}
