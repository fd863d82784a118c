import { defineConfig } from "vitest/config"

export default defineConfig({
  test: {
    include: ["test/**/*.test.ts"],
    testTimeout: 30_000,
    // Two cores are what CI has; files run side by side, tests of one file one after the other.
    maxWorkers: 2
  }
})
