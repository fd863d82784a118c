/**
 * The seed file, on real files: closed to others, never written over, and clear about what is wrong.
 */
import * as NodeFileSystem from "@effect/platform-node/NodeFileSystem"
import { assert, layer } from "@effect/vitest"
import { Effect, FileSystem, PlatformError, Redacted } from "effect"
import { SECRET_FILE_MAX_BYTES } from "../../src/core/limits.ts"
import * as SeedFile from "../../src/layers/node/SeedFile.ts"

const SECRET = "the seed of a node in any text form"

/** A path in a directory of its own that goes away with the test. */
const freshPath = Effect.gen(function*() {
  const fs = yield* FileSystem.FileSystem
  return `${yield* fs.makeTempDirectoryScoped()}/seed`
})

/** A file with this content and exactly this mode. */
const fileWith = Effect.fnUntraced(function*(content: string, mode = 0o600) {
  const fs = yield* FileSystem.FileSystem
  const path = yield* freshPath
  yield* fs.writeFileString(path, content)
  yield* fs.chmod(path, mode)
  return path
})

/** How the reading fails; that the message names the path and never the secret holds for all. */
const failureOfRead = Effect.fnUntraced(function*(path: string) {
  const error = yield* Effect.flip(SeedFile.read(path))
  assert.instanceOf(error, SeedFile.SeedFileError)
  assert.include(error.message, path)
  assert.notInclude(JSON.stringify(error), SECRET)
  return error
})

layer(NodeFileSystem.layer)("SeedFile", (it) => {
  it.effect("gives back what was written", () =>
    Effect.gen(function*() {
      const path = yield* freshPath
      yield* SeedFile.write(path, Redacted.make(SECRET))
      const secret = yield* SeedFile.read(path)
      assert.strictEqual(Redacted.value(secret), SECRET)
      assert.notInclude(`${secret} ${JSON.stringify(secret)}`, SECRET)
    }))

  it.effect("writes one line into a file that only the owner can read", () =>
    Effect.gen(function*() {
      const fs = yield* FileSystem.FileSystem
      const path = yield* freshPath
      yield* SeedFile.write(path, Redacted.make(SECRET))
      assert.strictEqual(yield* fs.readFileString(path), `${SECRET}\n`)
      assert.strictEqual((yield* fs.stat(path)).mode & 0o777, 0o600)
    }))

  it.effect("never writes over anything, not even over an empty file or a link to nowhere", () =>
    Effect.gen(function*() {
      const fs = yield* FileSystem.FileSystem
      const full = yield* fileWith("another seed")
      const empty = yield* fileWith("")
      const link = yield* freshPath
      yield* fs.symlink(`${link}-nowhere`, link)
      for (const path of [full, empty, link]) {
        const error = yield* Effect.flip(SeedFile.write(path, Redacted.make(SECRET)))
        assert.strictEqual(error.reason, "exists")
        assert.include(error.message, path)
      }
      assert.strictEqual(yield* fs.readFileString(full), "another seed")
      assert.strictEqual(yield* fs.readFileString(empty), "")
      assert.isFalse(yield* fs.exists(`${link}-nowhere`))
    }))

  it.effect("says that there is no directory to write in", () =>
    Effect.gen(function*() {
      const path = `${yield* freshPath}/deeper/seed`
      const error = yield* Effect.flip(SeedFile.write(path, Redacted.make(SECRET)))
      assert.strictEqual(error.reason, "unwritable")
      assert.include(error.message, path)
      assert.notInclude(JSON.stringify(error), SECRET)
    }))

  it.effect("leaves no half-written file behind", () =>
    Effect.gen(function*() {
      const fs = yield* FileSystem.FileSystem
      const path = yield* freshPath
      const full = PlatformError.systemError({ _tag: "Unknown", module: "FileSystem", method: "sync" })
      // A disk that takes the bytes and then cannot keep them.
      const failing: FileSystem.FileSystem = {
        ...fs,
        open: (at, options) =>
          Effect.map(
            fs.open(at, options),
            (file) => Object.defineProperty(file, "sync", { value: Effect.fail(full) })
          )
      }
      const error = yield* SeedFile.write(path, Redacted.make(SECRET)).pipe(
        Effect.provideService(FileSystem.FileSystem, failing),
        Effect.flip
      )
      assert.strictEqual(error.reason, "unwritable")
      assert.isFalse(yield* fs.exists(path))
    }))

  it.effect("reads a file that its owner may not even write, without the white space around", () =>
    Effect.gen(function*() {
      const path = yield* fileWith(`\n  ${SECRET}\r\n\n`, 0o400)
      assert.strictEqual(Redacted.value(yield* SeedFile.read(path)), SECRET)
    }))

  it.effect("refuses a file that the group or others may read, write or execute, and says how to close it", () =>
    Effect.gen(function*() {
      for (const mode of [0o640, 0o620, 0o610, 0o604, 0o602, 0o601, 0o644, 0o777]) {
        const path = yield* fileWith(SECRET, mode)
        const error = yield* failureOfRead(path)
        assert.strictEqual(error.reason, "exposed")
        assert.include(error.message, `mode 0${mode.toString(8)}`)
        assert.include(error.message, `chmod 600 ${path}`)
      }
    }))

  it.effect("says that there is no file", () =>
    Effect.gen(function*() {
      const error = yield* failureOfRead(yield* freshPath)
      assert.strictEqual(error.reason, "missing")
    }))

  it.effect("refuses a directory", () =>
    Effect.gen(function*() {
      const fs = yield* FileSystem.FileSystem
      const path = yield* freshPath
      yield* fs.makeDirectory(path, { mode: 0o700 })
      assert.strictEqual((yield* failureOfRead(path)).reason, "not-a-file")
    }))

  it.effect("refuses a file of more than 4 KiB, and reads one of 4 KiB", () =>
    Effect.gen(function*() {
      const longest = yield* fileWith("x".repeat(SECRET_FILE_MAX_BYTES))
      assert.strictEqual(Redacted.value(yield* SeedFile.read(longest)).length, SECRET_FILE_MAX_BYTES)
      const longer = yield* fileWith("x".repeat(SECRET_FILE_MAX_BYTES + 1))
      assert.strictEqual((yield* failureOfRead(longer)).reason, "too-big")
    }))

  it.effect("refuses a file with nothing in it", () =>
    Effect.gen(function*() {
      for (const content of ["", "\n", " \t\r\n"]) {
        assert.strictEqual((yield* failureOfRead(yield* fileWith(content))).reason, "empty")
      }
    }))

  it.effect("says that the file cannot be read", () =>
    Effect.gen(function*() {
      const path = `${yield* fileWith(SECRET)}/below-a-file`
      assert.strictEqual((yield* failureOfRead(path)).reason, "unreadable")
    }))
})
