/** A whole network in one command: all that is said arrives, and what does not is named. */
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { readdirSync } from "node:fs"
import { temporaryFolder } from "../layers/temporaryFolder.ts"
import { overlay, startOverlay } from "./overlayCommand.ts"

describe("overlay demo", () => {
  it("delivers everything to everybody and says so in one document", async () => {
    const { code, stderr, stdout } = await overlay("demo", "--nodes", "3", "--seconds", "1", "--json")
    assert.strictEqual(code, 0, stderr)
    const report = JSON.parse(stdout)
    assert.containsAllKeys(report, [
      "nodes",
      "originated",
      "expected",
      "delivered",
      "lost",
      "duplicates",
      "latencyMillis",
      "bytesPerNode"
    ])
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
