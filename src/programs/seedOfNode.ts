/**
 * The seed that a node's identity is made of, from its file.
 */
import { Effect, FileSystem, Redacted, Result } from "effect"
import * as Flag from "effect/cli/Flag"
import * as SecureRandom from "effect/crypto/SecureRandom"
import { decodeSeed, encodeSeed } from "../core/stellar/StrKey.ts"
import * as SeedFile from "../layers/node/SeedFile.ts"
import { type CommandFailed, failed } from "./CommandFailed.ts"

const SEED_BYTES = 32

/** `--seed-file`: an identity that is there already. */
export const seedFileFlag = Flag.String("seed-file").pipe(
  Flag.withMetavar("FILE"),
  Flag.withDescription("Take the identity from this file, which holds a seed (S...) and which only you may read"),
  Flag.optional
)

/** Reads a seed (`S...`) from a file that nobody else may read. */
export const readSeed = Effect.fnUntraced(
  function*(path: string): Effect.fn.Return<Redacted.Redacted<string>, CommandFailed, FileSystem.FileSystem> {
    const seed = yield* Effect.mapError(SeedFile.read(path), ({ message, reason }) =>
      failed(
        reason === "missing" ? `${message} \`overlay keygen --out ${path}\` makes one.` : message
      ))
    const checked = decodeSeed(Redacted.value(seed))
    return Result.isSuccess(checked) ? seed : yield* failed(`The seed file ${path}: ${checked.failure.message}`)
  }
)

/** Reads the seed of a file, or makes a new one there when there is no file yet. */
export const readOrMakeSeed = Effect.fnUntraced(
  function*(
    path: string
  ): Effect.fn.Return<
    Redacted.Redacted<string>,
    CommandFailed,
    FileSystem.FileSystem | SecureRandom.SecureRandom
  > {
    const fs = yield* FileSystem.FileSystem
    // Whatever stands in the way of an answer, reading tells it better.
    if (yield* Effect.orElseSucceed(fs.exists(path), () => true)) return yield* readSeed(path)
    const random = yield* SecureRandom.SecureRandom
    const seed = Redacted.make(encodeSeed(yield* random.randomBytes(SEED_BYTES)))
    yield* Effect.mapError(SeedFile.write(path, seed), ({ message }) => failed(message))
    return seed
  }
)
