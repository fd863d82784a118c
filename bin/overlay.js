#!/usr/bin/env node
// The `overlay` command. Plain JavaScript that any Node can read: an old one gets a sentence instead of a stack trace, so
// nothing is imported before the version is known.

const OLDEST_NODE = 24

if (Number.parseInt(process.versions.node, 10) < OLDEST_NODE) {
  const running = process.versions.node
  console.error(
    `overlay needs Node ${OLDEST_NODE} or newer; this is Node ${running}. Install a newer Node and run the command again.`
  )
  process.exitCode = 1
} else {
  await import("../dist/programs/main.js")
}
