/**
 * The stores of a simulated node on its virtual disk: the rules of the stores in memory, and what they hold outlives the node.
 */
import { Context, Effect, Layer } from "effect"
import { HASH_KEY_BYTES } from "../../core/HalfSipHash.ts"
import type { PeerBookOptions } from "../../core/PeerBook.ts"
import * as Prng from "../../core/Prng.ts"
import { BanList, BanListError } from "../../services/BanList.ts"
import { PeerStore, PeerStoreError } from "../../services/PeerStore.ts"
import * as MemoryBanList from "../memory/MemoryBanList.ts"
import * as MemoryPeerStore from "../memory/MemoryPeerStore.ts"
import type { DiskError, Mount, VirtualDisk } from "./VirtualDisk.ts"

/** The sizes of both stores; what is not set is as in `limits`. */
export interface SimulatedStoresOptions {
  readonly peers?: PeerBookOptions
  /**
   * The secret of an empty book, on which the places of its tables depend (`HASH_KEY_BYTES` bytes); the disk keeps it from then on. Without
   * one it is the same for every node of every run: a simulation draws it from its seed, and no part of it from the machine.
   */
  readonly key?: Uint8Array
  readonly bans?: { readonly entries?: number }
}

/**
 * Provides the stores of one life of a node: to start it again on the same disk, build it again. What the disk refuses is the
 * error of the operation, with the disk's own as its cause.
 */
export const layer = (disk: VirtualDisk, options?: SimulatedStoresOptions): Layer.Layer<PeerStore | BanList> =>
  Layer.effectContext(Effect.gen(function*() {
    const mount = disk.mount()
    const { bans, peers } = disk.committed
    peers.key ??= options?.key ?? Prng.stream(0, "addresses").bytes(HASH_KEY_BYTES)
    const store = yield* MemoryPeerStore.make(options?.peers, peers)
    const list = yield* MemoryBanList.make(options?.bans, bans)
    return Context.make(PeerStore, peerStoreOn(mount, store)).pipe(Context.add(BanList, banListOn(mount, list)))
  }))

const peerStoreOn = (mount: Mount, store: PeerStore["Service"]): PeerStore["Service"] => {
  const on = (kind: "read" | "write") => <A>(operation: string, effect: Effect.Effect<A, PeerStoreError>) =>
    Effect.catchTag(
      mount.run(kind, effect),
      "DiskError",
      (cause: DiskError) => Effect.fail(new PeerStoreError({ operation, message: cause.message, cause }))
    )
  const [read, write] = [on("read"), on("write")]
  return {
    ensure: (addresses) => write("ensure", store.ensure(addresses)),
    learn: (addresses, source) => write("learn", store.learn(addresses, source)),
    observe: (address, observed) => write("observe", store.observe(address, observed)),
    attempt: (address) => write("attempt", store.attempt(address)),
    withdraw: (address) => write("withdraw", store.withdraw(address)),
    succeed: (address) => write("succeed", store.succeed(address)),
    reset: (address) => write("reset", store.reset(address)),
    get: (address) => read("get", store.get(address)),
    candidates: (kind, limit) => read("candidates", store.candidates(kind, limit)),
    toDial: (limit) => read("toDial", store.toDial(limit)),
    feeler: read("feeler", store.feeler),
    tested: (address, answered) => write("tested", store.tested(address, answered)),
    anchors: read("anchors", store.anchors),
    setAnchors: (addresses) => write("setAnchors", store.setAnchors(addresses)),
    residents: (table) => read("residents", store.residents(table)),
    toShare: (limit) => read("toShare", store.toShare(limit)),
    purge: (ip) => write("purge", store.purge(ip)),
    size: read("size", store.size)
  }
}

const banListOn = (mount: Mount, list: BanList["Service"]): BanList["Service"] => {
  const on = (kind: "read" | "write") => <A>(operation: string, effect: Effect.Effect<A, BanListError>) =>
    Effect.catchTag(
      mount.run(kind, effect),
      "DiskError",
      (cause: DiskError) => Effect.fail(new BanListError({ operation, message: cause.message, cause }))
    )
  const [read, write] = [on("read"), on("write")]
  return {
    ban: (id, options) => write("ban", list.ban(id, options)),
    unban: (id) => write("unban", list.unban(id)),
    isBanned: (id) => read("isBanned", list.isBanned(id)),
    all: read("all", list.all)
  }
}
