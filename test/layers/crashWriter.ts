/**
 * A process that writes to a database for as long as it lives, and says on stdout what it has written, a number a line: its parent
 * kills it at some instant. Arguments: the file, and the first number.
 */
import { Effect, Layer } from "effect"
import { writeSync } from "node:fs"
import { flushCompileCache } from "node:module"
import { PeerId } from "../../src/core/PeerId.ts"
import * as SqliteBanList from "../../src/layers/node/SqliteBanList.ts"
import { layer } from "../../src/layers/node/SqliteClient.ts"
import * as SqlitePeerStore from "../../src/layers/node/SqlitePeerStore.ts"
import { BanList } from "../../src/services/BanList.ts"
import { PeerStore } from "../../src/services/PeerStore.ts"
import { addressesOf, bannedOf } from "./crashRows.ts"

// Who is killed does not come to write it at its end.
flushCompileCache()

const [filename = "", first = ""] = process.argv.slice(2)

const writing = Effect.gen(function*() {
  const store = yield* PeerStore
  const bans = yield* BanList
  for (let number = Number(first);; number++) {
    const [dialled, ...told] = addressesOf(number)
    yield* store.ensure(told)
    yield* store.observe(dialled, { kind: "outbound", preferredIsKnown: true })
    yield* store.attempt(dialled)
    yield* bans.ban(PeerId(bannedOf(number)))
    // Not console.log: the line must be out before the next write begins.
    writeSync(1, `${number}\n`)
  }
})

await Effect.runPromise(writing.pipe(
  Effect.provide(
    Layer.mergeAll(SqlitePeerStore.layer(), SqliteBanList.layer()).pipe(Layer.provide(layer({ filename })))
  )
))
