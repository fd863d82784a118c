/** A node as a process: it says what happens, is asked by others, stops when told to, and says plainly why it cannot start. */
import { assert, describe, it } from "@effect/vitest"
import { Effect, type Scope } from "effect"
import { chmodSync, statSync, writeFileSync } from "node:fs"
import { createServer } from "node:net"
import { join } from "node:path"
import { temporaryFolder } from "../layers/temporaryFolder.ts"
import { isEvent, type Outcome, overlay, type Running, startOverlay } from "./overlayCommand.ts"

const node = (...args: ReadonlyArray<string>): Effect.Effect<Running, never, Scope.Scope> =>
  Effect.acquireRelease(
    Effect.sync(() => startOverlay(["run", "--json", "--network", "a test", "--listen", "127.0.0.1:0", ...args])),
    (running) => Effect.sync(running.kill)
  )

const next = (running: Running, name: string) => Effect.promise(() => running.next(isEvent(name)))

const assertTold = ({ code, stderr, stdout }: Outcome, ...says: ReadonlyArray<string>): void => {
  assert.strictEqual(code, 1, stderr)
  assert.strictEqual(stdout, "")
  for (const text of says) assert.include(stderr, text)
  assert.match(stderr, /^overlay: [^\n]+\n$/, "one message")
}

describe("overlay run", () => {
  it.live("says where it listens, lets peers in, and says goodbye when it is told to stop", () =>
    Effect.gen(function*() {
      const folder = yield* temporaryFolder
      const data = join(folder, "new", "node")
      const first = yield* node("--data", data)
      const listening = yield* Effect.promise(() => first.next(() => true))
      assert.deepStrictEqual(Object.keys(listening), ["event", "address"])
      assert.strictEqual(listening["event"], "listening")
      const address = String(listening["address"])
      assert.match(address, /^127\.0\.0\.1:[1-9]\d*$/)
      const { id } = yield* next(first, "started")
      assert.strictEqual(statSync(data).mode & 0o777, 0o700)
      assert.strictEqual(statSync(join(data, "node.seed")).mode & 0o777, 0o600)
      assert.isTrue(statSync(join(data, "overlay.db")).isFile())

      const second = yield* node("--peer", address)
      assert.strictEqual((yield* next(second, "dialing"))["address"], address)
      const joined = yield* next(second, "joined")
      assert.deepInclude(joined, { id, address, direction: "outbound" })
      assert.deepInclude(yield* next(first, "joined"), { direction: "inbound" })

      const probed = yield* Effect.promise(() => overlay("probe", address, "--network", "a test", "--json"))
      assert.strictEqual(probed.code, 0, probed.stderr)
      const facts = JSON.parse(probed.stdout)
      assert.deepInclude(facts, { address, accepted: true, refusal: null, grant: { messages: 200, bytes: 300_000 } })
      assert.deepInclude(facts.peer, { id, versionText: joined["versionText"], versions: joined["versions"] })
      assert.strictEqual(facts.peers.length, 1)
      assert.deepStrictEqual(
        facts.steps.map(({ step }: { step: string }) => step).slice(0, 5),
        ["connected", "hello-sent", "hello-received", "auth-sent", "auth-received"]
      )

      assert.strictEqual(yield* Effect.promise(() => first.stop("SIGTERM")), 0)
      assert.deepInclude(yield* next(second, "left"), {
        id,
        reason: "RemoteError",
        endedBy: "them",
        text: "ERR_MISC (shutdown)"
      })
      assert.strictEqual(yield* Effect.promise(() => second.stop("SIGINT")), 0)

      const restarted = yield* node("--data", data, "--status-seconds", "1")
      assert.strictEqual((yield* next(restarted, "started"))["id"], id)
      assert.deepInclude(yield* next(restarted, "status"), { inbound: 0, outbound: 0, synced: true, ledger: null })
      assert.strictEqual(yield* Effect.promise(() => restarted.stop("SIGTERM")), 0)
    }))

  it.live("ends quietly when nobody reads any more what it says", () =>
    Effect.gen(function*() {
      const running = yield* node("--status-seconds", "1")
      yield* next(running, "started")
      assert.deepStrictEqual(yield* Effect.promise(running.hangUp), { code: 0, stderr: "" })
    }))

  it.live("says in one message why it cannot start, and what to do", () =>
    Effect.gen(function*() {
      const folder = yield* temporaryFolder
      const file = join(folder, "file")
      writeFileSync(file, "not a seed", { mode: 0o600 })
      const exposed = join(folder, "exposed.seed")
      writeFileSync(exposed, "not a seed")
      chmodSync(exposed, 0o644)
      const server = yield* Effect.acquireRelease(
        Effect.callback<ReturnType<typeof createServer>>((resume) => {
          const server = createServer()
          server.listen(0, "127.0.0.1", () => resume(Effect.succeed(server)))
        }),
        (server) => Effect.callback<void>((resume) => void server.close(() => resume(Effect.void)))
      )
      const bound = server.address()
      assert(typeof bound === "object" && bound !== null)
      const taken = `127.0.0.1:${bound.port}`

      const run = (...args: ReadonlyArray<string>) => overlay("run", "--json", "--network", "a test", ...args)
      const off = ["--listen", "off"]
      const [port, underFile, badSeed, openSeed, noSeed, host] = yield* Effect.promise(() =>
        Promise.all([
          run("--listen", taken),
          run(...off, "--data", join(file, "data")),
          run(...off, "--seed-file", file),
          run(...off, "--seed-file", exposed),
          run(...off, "--seed-file", join(folder, "none.seed")),
          run(...off, "--peer", "no-such-host.invalid:11625")
        ])
      )
      assertTold(port, taken, "in use", "--listen")
      assertTold(underFile, join(file, "data"), "--data")
      assertTold(badSeed, file, "not a seed (S...)")
      assertTold(openSeed, exposed, "chmod 600")
      assertTold(noSeed, "none.seed", "overlay keygen --out")
      if (!/could not say now/.test(host.stderr)) assertTold(host, "no-such-host.invalid", "--peer")
    }))
})
