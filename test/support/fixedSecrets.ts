/**
 * Secret random bytes that are the same each time: for tests that compare two runs, or two ways to keep one promise.
 */
import * as WebCrypto from "effect/crypto/WebCrypto"

/** Instead of the machine's: every byte is 7. */
export const fixedSecrets = WebCrypto.layer(
  new Proxy(globalThis.crypto, {
    get: (machine, name) =>
      name === "getRandomValues" ? (bytes: Uint8Array) => bytes.fill(7) : Reflect.get(machine, name)
  })
)
