/**
 * A file that holds one secret, as a line of text: the seed that a node's identity is made of.
 *
 * Only its owner may read it, and it is never written over: a lost seed is a lost identity, a shared one is two nodes.
 */
import { ByteSize, Effect, FileSystem, Option, type PlatformError, Redacted, Schema } from "effect"
import { SECRET_FILE_MAX_BYTES } from "../../core/limits.ts"

/** Readable and writable by the owner, and by nobody else. */
const OWNER_ONLY = 0o600
/** The bits of a mode that let the group or others do anything. */
const GROUP_AND_OTHERS = 0o077
/** The bits of a mode that are permissions. */
const PERMISSIONS = 0o777

/** Says why a seed file was not read or not written, and what to do; it never holds any of the content. */
export class SeedFileError extends Schema.TaggedError<SeedFileError>()("SeedFileError", {
  path: Schema.String,
  reason: Schema.Literals([
    "missing",
    "not-a-file",
    "exposed",
    "too-big",
    "empty",
    "unreadable",
    "exists",
    "unwritable"
  ]),
  message: Schema.String,
  cause: Schema.optional(Schema.Defect())
}) {}

/**
 * Reads the secret of the file at `path`, without white space around it.
 *
 * Fails with `SeedFileError` if the file is not there, is no plain file, may be used by the group or others, is longer than
 * 4 KiB, is empty, or cannot be read.
 */
export const read: (
  path: string
) => Effect.Effect<Redacted.Redacted<string>, SeedFileError, FileSystem.FileSystem> = Effect.fn("SeedFile.read")(
  function*(path: string) {
    const fs = yield* FileSystem.FileSystem
    const fail = (error: PlatformError.PlatformError) => unread(path, error)
    // Before it is opened: to open a pipe waits for a writer.
    const entry = yield* Effect.mapError(fs.stat(path), fail)
    if (entry.type !== "File") return yield* notAFile(path)
    const file = yield* Effect.mapError(fs.open(path, { flag: "r" }), fail)
    // Of what was opened, not of what stands at the path by now.
    const info = yield* Effect.mapError(file.stat, fail)
    if ((info.mode & GROUP_AND_OTHERS) !== 0) return yield* exposed(path, info.mode)
    if (ByteSize.toBigInt(info.size) > SECRET_FILE_MAX_BYTES) return yield* tooBig(path)
    const bytes = yield* Effect.mapError(file.readAlloc(SECRET_FILE_MAX_BYTES), fail)
    const text = Option.isSome(bytes) ? new TextDecoder().decode(bytes.value).trim() : ""
    if (text === "") return yield* empty(path)
    return Redacted.make(text)
  },
  Effect.scoped
)

/**
 * Writes the secret and a line end into a new file at `path` that only its owner may read, and onto the disk.
 *
 * Fails with `SeedFileError` if something is at the path already, or if it cannot be written; then nothing is left there.
 */
export const write: (
  path: string,
  secret: Redacted.Redacted<string>
) => Effect.Effect<void, SeedFileError, FileSystem.FileSystem> = Effect.fn("SeedFile.write")(
  function*(path: string, secret: Redacted.Redacted<string>) {
    const fs = yield* FileSystem.FileSystem
    const fail = (error: PlatformError.PlatformError) => unwritten(path, error)
    // "x": the file must be new, so the mode is the one given here and nobody can have it open already.
    const file = yield* Effect.mapError(fs.open(path, { flag: "wx", mode: OWNER_ONLY }), fail)
    yield* file.writeAll(new TextEncoder().encode(`${Redacted.value(secret)}\n`)).pipe(
      Effect.andThen(file.sync),
      // Half a secret would look like a broken one and stand in the way of the next attempt.
      Effect.onError(() => Effect.ignore(fs.remove(path))),
      Effect.mapError(fail)
    )
  },
  Effect.scoped
)

const unread = (path: string, error: PlatformError.PlatformError): SeedFileError =>
  error.reason._tag === "NotFound"
    ? new SeedFileError({
      path,
      reason: "missing",
      message: `There is no seed file at ${path}. Make one, or give the path of the one you have.`,
      cause: error
    })
    : new SeedFileError({
      path,
      reason: "unreadable",
      message: `The seed file ${path} cannot be read (${error.message}). ` +
        "Let it belong to the user that the node runs as, and see that the disk is sound.",
      cause: error
    })

const notAFile = (path: string): SeedFileError =>
  new SeedFileError({
    path,
    reason: "not-a-file",
    message: `The seed file ${path} is a directory or something else that is no plain file. Give the path of a file.`
  })

const exposed = (path: string, mode: number): SeedFileError =>
  new SeedFileError({
    path,
    reason: "exposed",
    message:
      `The seed file ${path} is open to other users of this machine (mode ${
        (mode & PERMISSIONS).toString(8).padStart(4, "0")
      }), so its seed may not be secret any more. If nobody can have read it, close it with: chmod 600 ${path}. ` +
      "Otherwise make a new seed."
  })

const tooBig = (path: string): SeedFileError =>
  new SeedFileError({
    path,
    reason: "too-big",
    message: `The seed file ${path} has more than ${SECRET_FILE_MAX_BYTES} bytes, so it is something else. ` +
      "Give the path of a file that holds nothing but the seed."
  })

const empty = (path: string): SeedFileError =>
  new SeedFileError({
    path,
    reason: "empty",
    message: `The seed file ${path} is empty. Put the seed back from a copy, or delete the file and make a new seed.`
  })

const unwritten = (path: string, error: PlatformError.PlatformError): SeedFileError =>
  error.reason._tag === "AlreadyExists"
    ? new SeedFileError({
      path,
      reason: "exists",
      message: `There is something at ${path} already, and a seed is never written over. ` +
        "Use the one that is there, or give another path.",
      cause: error
    })
    : new SeedFileError({
      path,
      reason: "unwritable",
      message: `The seed file ${path} cannot be written (${error.message}). ` +
        "See that its directory is there, that the user may write in it, and that the disk is not full.",
      cause: error
    })
