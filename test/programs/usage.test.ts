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
    const [whole, one, version] = await Promise.all([overlay("--help"), overlay("run", "--help"), overlay("--version")])
    assert.deepStrictEqual([whole.code, one.code, version.code], [0, 0, 0])
    for (const verb of ["run", "probe", "demo", "keygen"]) assert.match(whole.stdout, new RegExp(`^ +${verb} `, "m"))
    assert.include(one.stdout, "overlay run --network testnet --data ./node")
    assert.include(one.stdout, "passphrase of a private network")
    assert.include(version.stdout, VERSION)
    assert.notInclude(whole.stdout + one.stdout + version.stdout, "\u001b")
  })

  it("refuses verbs and flags that it does not know, and shows the usage", async () => {
    const [verb, flag] = await Promise.all([overlay("prob"), overlay("demo", "--nodez", "3")])
    assertWrongUsage(verb, "prob", "Usage: overlay <subcommand>")
    assertWrongUsage(flag, "--nodez", "Usage: overlay demo")
  })

  it("does not guess a network", async () => {
    assertWrongUsage(await overlay("run", "--listen", "off"), "--network", "Usage: overlay run")
  })

  it("refuses numbers out of their range, and addresses and keys that are none", async () => {
    const run = ["run", "--network", "a test"]
    const [nodes, listen, peer, key] = await Promise.all([
      overlay("demo", "--nodes", "1"),
      overlay(...run, "--listen", "nowhere"),
      overlay(...run, "--listen", "off", "--peer", "10.0.0.300:1"),
      overlay(...run, "--listen", "off", "--trust", "GABC")
    ])
    assertWrongUsage(nodes, "--nodes", "2 to 200")
    assertWrongUsage(listen, "--listen", "nowhere")
    assertWrongUsage(peer, "10.0.0.300:1")
    assertWrongUsage(key, "--trust", "56")
  })
})
