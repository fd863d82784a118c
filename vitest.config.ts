import { fileURLToPath } from "node:url"
import { defineConfig } from "vitest/config"

export default defineConfig({
  test: {
    // Only what is named so is a test: fixtures, suites that several tests share and peers of test/interop are not.
    include: ["test/**/*.test.ts"],
    testTimeout: 30_000,
    // Files run side by side, the tests of one file one after the other. CI has two cores; a third file runs while one waits for
    // programs that it has started.
    maxWorkers: 3,
    // Processes and not threads: signals, SQLite and sockets behave as in a program.
    pool: "forks",
    // Simulated networks make much that dies young: with room for it the collector moves less of it.
    execArgv: ["--max-semi-space-size=64"],
    // Programs that tests start load in half the time when what they load was compiled before.
    env: { NODE_COMPILE_CACHE: fileURLToPath(new URL("node_modules/.cache/node-compile", import.meta.url)) },
    // The files of a worker share its loaded modules: loading effect anew costs more than most files take to run, and no
    // module here keeps state of its own.
    isolate: false
  }
})
