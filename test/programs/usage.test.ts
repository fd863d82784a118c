/** What is written wrongly is told on stderr, with exit code 2; what was asked for is an answer on stdout. */
import { assert, describe, it } from "@effect/vitest"
import { VERSION } from "../../src/layers/stellar/versionText.ts"
import { type Outcome, overlay } from "./overlayCommand.ts"

const assertWrongUsage = ({ code, stderr, stdout }: Outcome, ...says: ReadonlyArray<string>): void => {
  assert.strictEqual(code, 2, stderr)
  assert.strictEqual(stdout, "")
  for (const text of says) assert.include(stderr, text)
  assert.notMatch(stderr, /\n\s+at /, "a stack trace")
}

describe("the overlay command", () => {
  it("names its verbs with examples when it is asked for help", async () => {
    const [whole, run, simulate, version] = await Promise.all([
      overlay("--help"),
      overlay("run", "--help"),
      overlay("simulate", "--help"),
      overlay("--version")
    ])
    assert.deepStrictEqual([whole.code, run.code, simulate.code, version.code], [0, 0, 0, 0])
    for (const verb of ["run", "probe", "demo", "simulate", "keygen"]) {
      assert.match(whole.stdout, new RegExp(`^ +${verb} `, "m"))
    }
    assert.include(run.stdout, "overlay run --network testnet --data ./node")
    assert.include(run.stdout, "passphrase of a private network")
    assert.include(simulate.stdout, "overlay simulate --faults heavy --hostile 20% --replay 42 --shrink")
    assert.include(simulate.stdout, "--topology ring|random|core-tier|FILE")
    assert.include(version.stdout, VERSION)
    assert.notInclude(whole.stdout + run.stdout + simulate.stdout + version.stdout, "\u001b")
  })

  it("refuses verbs and flags that it does not know, and shows the usage", async () => {
    const [verb, flag, simulated] = await Promise.all([
      overlay("prob"),
      overlay("demo", "--nodez", "3"),
      overlay("simulate", "--sed", "3")
    ])
    assertWrongUsage(verb, "prob", "Usage: overlay <subcommand>")
    assertWrongUsage(flag, "--nodez", "Usage: overlay demo")
    assertWrongUsage(simulated, "--sed", "Usage: overlay simulate")
  })

  it("does not guess a network", async () => {
    assertWrongUsage(await overlay("run", "--listen", "off"), "--network", "Usage: overlay run")
  })

  it("refuses numbers out of their range, and addresses and keys that are none", async () => {
    const run = ["run", "--network", "a test"]
    const [nodes, listen, peer, key, simulated, hostile] = await Promise.all([
      overlay("demo", "--nodes", "1"),
      overlay(...run, "--listen", "nowhere"),
      overlay(...run, "--listen", "off", "--peer", "10.0.0.300:1"),
      overlay(...run, "--listen", "off", "--trust", "GABC"),
      overlay("simulate", "--nodes", "1"),
      overlay("simulate", "--hostile", "91%")
    ])
    assertWrongUsage(nodes, "--nodes", "2 to 200")
    assertWrongUsage(listen, "--listen", "nowhere")
    assertWrongUsage(peer, "10.0.0.300:1")
    assertWrongUsage(key, "--trust", "56")
    assertWrongUsage(simulated, "--nodes", "2 to 10000")
    assertWrongUsage(hostile, "--hostile", "0% to 90%")
  })
})
