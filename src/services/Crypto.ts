/**
 * The service of synchronous cryptography: sign, verify, agree, keyed MAC, digest.
 *
 * Effect's own `effect/crypto` is asynchronous and costs 10 to 50 microseconds a call, which is more than the work
 * itself; on a message's way that is too much. Shape and rules: `core/Crypto`.
 */
import { Context } from "effect"
import type { CryptoShape } from "../core/Crypto.ts"

/** Synchronous cryptography. `layers/node/NodeCrypto` is the live layer, `layers/noble/NobleCrypto` the portable one. */
export class Crypto extends Context.Service<Crypto, CryptoShape>()("effect-overlay/services/Crypto") {}
