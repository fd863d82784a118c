/**
 * What tests do with links: open a pair, push and receive, with bytes that are the same in every run.
 */
import { Deferred, Duration, Effect } from "effect"
import type { PeerAddress } from "../../src/core/PeerAddress.ts"
import { tcpAddress } from "../../src/core/PeerAddress.ts"
import type { Link, LinkError } from "../../src/services/Transport.ts"
import { Transport } from "../../src/services/Transport.ts"

export const anyPort = tcpAddress("127.0.0.1", 0)

export const seconds = (count: number) => Duration.seconds(count)

/** Dials with more time than any test has. */
export const dial = (address: PeerAddress) =>
  Effect.flatMap(Transport, (transport) => transport.dial(address, { timeout: seconds(60) }))

/** Gives an accepted link to somebody else and keeps it open. */
export const handOver = (to: Deferred.Deferred<Link>) => (link: Link) =>
  Effect.andThen(Deferred.succeed(to, link), Effect.never)

/** The two ends of a link: who dialled, and who was dialled. */
export const pair = Effect.gen(function*() {
  const transport = yield* Transport
  const arrived = yield* Deferred.make<Link>()
  const listener = yield* transport.listen(anyPort, handOver(arrived))
  const dialled = yield* dial(listener.address)
  return [dialled, yield* Deferred.await(arrived)] as const
})

/** Where nobody listens: somebody did just now. */
export const freeAddress = Effect.gen(function*() {
  const transport = yield* Transport
  return (yield* transport.listen(anyPort, () => Effect.void)).address
}).pipe(Effect.scoped)

/** Sends back what comes, until it ends. For small amounts: it does not look whether it may send. */
export const echo = (link: Link) =>
  Effect.ignore(link.read((chunk) => {
    link.send(chunk.slice())
    return true
  }))

/** Bytes that depend on the seed alone. */
export const someBytes = (length: number, seed: number): Uint8Array => {
  const next = generator(seed)
  return Uint8Array.from({ length }, () => next() & 0xff)
}

/** Lengths from 1 to 70,000, mostly short ones, that depend on the seed alone. */
export const somePieces = (seed: number): () => number => {
  const next = generator(seed)
  return () => next() % 4 === 0 ? 1 + next() % 70_000 : 1 + next() % 300
}

/** A linear congruential generator; the low bits are the poor ones, so they are left out. */
const generator = (seed: number) => {
  let state = seed >>> 0
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
    return state >>> 8
  }
}

/** Completes when the link can take bytes. */
export const writable = (link: Link): Effect.Effect<void> =>
  Effect.callback((resume) => {
    if (link.isWritable()) return resume(Effect.void)
    link.onWritable(() => {
      link.onWritable(undefined)
      resume(Effect.void)
    })
    return Effect.sync(() => link.onWritable(undefined))
  })

/** Sends all, in pieces, and waits where the link wants it. */
export const push = Effect.fnUntraced(function*(link: Link, bytes: Uint8Array, piece: () => number) {
  for (let at = 0; at < bytes.length;) {
    const end = Math.min(bytes.length, at + piece())
    if (!link.send(bytes.slice(at, end))) yield* writable(link)
    at = end
  }
})

/** Sends until the link says stop; tells how many bytes that took. */
export const fill = (link: Link): number => {
  for (let sent = 0; sent < 256 * 1024 * 1024;) {
    const bytes = new Uint8Array(65_536)
    sent += bytes.length
    if (!link.send(bytes)) return sent
  }
  throw new Error("the link takes everything")
}

/** Reads until `length` bytes are there. */
export const receive = (link: Link, length: number): Effect.Effect<Uint8Array, LinkError> =>
  Effect.suspend(() => {
    const chunks: Array<Uint8Array> = []
    let got = 0
    const sink = (chunk: Uint8Array) => {
      chunks.push(Uint8Array.from(chunk))
      got += chunk.length
      return got < length
    }
    return Effect.map(link.read(sink), () => new Uint8Array(Buffer.concat(chunks)))
  })

/** Reads to the end: what came, and how it ended. */
export const receiveAll = (
  link: Link
): Effect.Effect<{ readonly bytes: Uint8Array; readonly error: LinkError }> =>
  Effect.suspend(() => {
    const chunks: Array<Uint8Array> = []
    const sink = (chunk: Uint8Array) => {
      chunks.push(Uint8Array.from(chunk))
      return true
    }
    return Effect.match(link.read(sink), {
      onSuccess: () => {
        throw new Error("a sink that says more was left")
      },
      onFailure: (error) => ({ bytes: new Uint8Array(Buffer.concat(chunks)), error })
    })
  })
