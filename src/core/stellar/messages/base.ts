/**
 * The types that all messages are made of: hashes, keys, signatures.
 *
 * Keys and hashes are their 32 bytes: the union around a key (one kind: Ed25519) and the structs around a curve key and a
 * MAC (one field each) stand on the wire only.
 */
import { BaseType, opaque, type Reader, varOpaque, type Writer, XdrError } from "@stellar/js-xdr"
import { MAC_BYTES } from "../../Crypto.ts"
import { MAX_SIGNATURE_BYTES } from "../limits.ts"

/** How many bytes a hash, a key and a nonce have. */
const KEY_BYTES = 32
/** The only kind of public key there is. */
const PUBLIC_KEY_TYPE_ED25519 = 0

/** A SHA-256: 32 bytes. */
export const Hash = opaque(KEY_BYTES, "Hash")

/** Any other 32 bytes: nonces, and hashes that XDR calls `uint256`. */
export const Uint256 = opaque(KEY_BYTES, "Uint256")

/** A public key of X25519 (XDR: a struct with this one field). */
export const Curve25519Public = opaque(KEY_BYTES, "Curve25519Public")

/** A tag of HMAC-SHA256 (XDR: a struct with this one field). */
export const HmacSha256Mac = opaque(MAC_BYTES, "HmacSha256Mac")

/** A signature: at most 64 bytes; one of another length decodes and then does not verify. */
export const Signature = varOpaque(MAX_SIGNATURE_BYTES, "Signature")

class NodeIDType extends BaseType<Uint8Array> {
  readonly kind = "publicKey"

  constructor() {
    super("NodeID")
  }

  _read(reader: Reader, path: string): Uint8Array {
    // A union in XDR, and so a level of nesting.
    reader.enter(path)
    const type = reader.readInt32(path)
    if (type !== PUBLIC_KEY_TYPE_ED25519) throw new XdrError(`${path}: unknown PublicKeyType ${type}`)
    const key = reader.readBytes(KEY_BYTES, path)
    reader.exit()
    return key
  }

  _write(key: Uint8Array, writer: Writer, path: string): void {
    writer.enter(path)
    writer.writeInt32(PUBLIC_KEY_TYPE_ED25519)
    Uint256._write(key, writer, path)
    writer.exit()
  }
}

/** A node's Ed25519 public key: 32 bytes, on the wire 36 (the kind of key, 0, comes first; another is malformed). */
export const NodeID = new NodeIDType()
