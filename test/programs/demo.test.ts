/** A whole network in one command: all that is said arrives, and what does not is named. */
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { readdirSync } from "node:fs"
import { temporaryFolder } from "../layers/temporaryFolder.ts"
import { overlay, startOverlay } from "./overlayCommand.ts"

/** What scripts rely on. */
const KEYS = ["nodes", "originated", "expected", "delivered", "lost", "duplicates", "latencyMillis", "bytesPerNode"]

describe("overlay demo", () => {
  it("delivers everything to everybody and says so in one document", async () => {
    const { code, stderr, stdout } = await overlay("demo", "--nodes", "3", "--seconds", "1", "--json")
    assert.strictEqual(code, 0, stderr)
    const report = JSON.parse(stdout)
    assert.containsAllKeys(report, KEYS)
    assert.strictEqual(report.nodes, 3)
    assert.isAbove(report.originated, 0)
    assert.strictEqual(report.expected, 2 * report.originated)
    assert.strictEqual(report.delivered, report.expected)
    assert.strictEqual(report.lost, 0)
    assert.isAbove(report.bytesPerNode, 0)
    for (const kind of ["scp", "tx"]) {
      assert.isAbove(report.byKind[kind].originated, 0)
      assert.strictEqual(report.byKind[kind].delivered, report.byKind[kind].expected)
      assert.isAbove(report.latencyMillis[kind].p50, 0)
      assert.isAtLeast(report.latencyMillis[kind].p99, report.latencyMillis[kind].p50)
    }
  })

  it("fails and names what was lost where when the graph is cut in two", async () => {
    const { code, stderr, stdout } = await overlay(
      "demo",
      "--nodes",
      "4",
      "--seconds",
      "1",
      "--rate",
      "20",
      "--topology",
      "cut"
    )
    assert.strictEqual(code, 1)
    // Of three other nodes only one is in the same half.
    assert.match(
      stderr,
      /^overlay: 20 of 30 deliveries were lost: 10 of statements, 10 of transactions\. Missed by the nodes /
    )
    assert.include(stdout, "delivered 10 of 30, lost 20")
    assert.notInclude(stdout + stderr, "\u001b")
  })

  it("soaks: nodes go down and come back, all that was due arrived, and as much is open as before", async () => {
    const { code, stderr, stdout } = await overlay("demo", "--soak", "0.18", "--seed", "36", "--nodes", "4", "--json")
    assert.strictEqual(code, 0, stderr)
    const report = JSON.parse(stdout)
    assert.containsAllKeys(report, KEYS)
    const { deliveries, handles, heap, musters, outages } = report.soak
    assert.deepInclude(outages, { kills: 1, stops: 1 })
    assert.isTrue(deliveries.holds)
    assert.isAbove(deliveries.expected, 0)
    assert.strictEqual(deliveries.delivered, deliveries.expected)
    assert.strictEqual(report.expected, deliveries.expected)
    assert.isTrue(handles.holds)
    assert.strictEqual(handles.first.resources.TCPServerWrap, 4)
    assert.isNull(heap.holds, "it is too short for that")
    assert.strictEqual(musters.length, 2)
  })

  it.live("soaks until it is interrupted, and leaves nothing behind", () =>
    Effect.gen(function*() {
      const folder = yield* temporaryFolder
      const running = startOverlay(["demo", "--nodes", "3", "--soak", "1"], { TMPDIR: folder })
      assert.match(String(yield* Effect.promise(running.line)), /^3 nodes/)
      assert.strictEqual(yield* Effect.promise(() => running.stop("SIGINT")), 130)
      assert.deepStrictEqual(readdirSync(folder), [])
    }))

  it.live("leaves nothing behind when it is interrupted", () =>
    Effect.gen(function*() {
      const folder = yield* temporaryFolder
      const running = startOverlay(["demo", "--nodes", "2", "--seconds", "60"], { TMPDIR: folder })
      assert.match(String(yield* Effect.promise(running.line)), /^2 nodes/)
      assert.strictEqual(readdirSync(folder).length, 1)
      assert.strictEqual(yield* Effect.promise(() => running.stop("SIGINT")), 130)
      assert.deepStrictEqual(readdirSync(folder), [])
    }))
})
