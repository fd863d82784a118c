/**
 * `overlay keygen`: makes the identity of a node.
 */
import { Effect, Option, Redacted } from "effect"
import * as Command from "effect/cli/Command"
import * as Flag from "effect/cli/Flag"
import * as SecureRandom from "effect/crypto/SecureRandom"
import { encodeSeed } from "../core/stellar/StrKey.ts"
import * as NodeCrypto from "../layers/node/NodeCrypto.ts"
import * as SeedFile from "../layers/node/SeedFile.ts"
import * as StellarIdentity from "../layers/stellar/StellarIdentity.ts"
import { failed } from "./CommandFailed.ts"
import { print, printJson, tell } from "./printing.ts"

/** Makes an identity and shows it, or writes its seed into a new file and shows only the public half. */
export const keygen = Command.make(
  "keygen",
  {
    out: Flag.String("out").pipe(
      Flag.withMetavar("FILE"),
      Flag.withDescription("Write the seed into this new file, which only you may read, and do not show it"),
      Flag.optional
    ),
    json: Flag.Boolean("json").pipe(Flag.withDescription("Print one JSON document"), Flag.withDefault(false))
  },
  Effect.fnUntraced(
    function*({ json, out }) {
      const identity = yield* StellarIdentity.make(undefined)
      const publicKey = identity.peerId
      const seed = encodeSeed(Redacted.value(identity.seed))

      if (Option.isSome(out)) {
        yield* Effect.mapError(SeedFile.write(out.value, Redacted.make(seed)), ({ message }) => failed(message))
        if (json) return yield* printJson({ publicKey, seedFile: out.value })
        yield* print(`public key: ${publicKey}`)
        return yield* print(`seed file:  ${out.value}`)
      }
      if (json) return yield* printJson({ publicKey, seed })
      yield* print(`public key: ${publicKey}`)
      yield* print(`seed:       ${seed}`)
      yield* tell("Whoever has the seed is this node: keep it secret. `--out FILE` writes it without showing it.")
    },
    Effect.provide([NodeCrypto.layer, SecureRandom.layerWebCrypto])
  )
).pipe(
  Command.withDescription("Make a new identity: a public key (G...), by which peers know a node, and its seed (S...)"),
  Command.withShortDescription("Make the identity of a node"),
  Command.withExamples([
    { command: "overlay keygen", description: "Show a new key pair" },
    {
      command: "overlay keygen --out node.seed",
      description: "Keep the seed in a file, for `overlay run --seed-file node.seed`"
    }
  ])
)
