/**
 * The stores of a simulated node on its virtual disk: the rules of the stores in memory, and what they hold outlives the node.
 */
import { Context, Effect, Layer } from "effect"
import type { PeerBookOptions } from "../../core/PeerBook.ts"
import { BanList, BanListError } from "../../services/BanList.ts"
import { PeerStore, PeerStoreError } from "../../services/PeerStore.ts"
import * as MemoryBanList from "../memory/MemoryBanList.ts"
import * as MemoryPeerStore from "../memory/MemoryPeerStore.ts"
import type { DiskError, Mount, VirtualDisk } from "./VirtualDisk.ts"

/** The sizes of both stores; what is not set is as in `limits`. */
export interface SimulatedStoresOptions {
  readonly peers?: PeerBookOptions
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
    observe: (address, observed) => write("observe", store.observe(address, observed)),
    attempt: (address) => write("attempt", store.attempt(address)),
    succeed: (address) => write("succeed", store.succeed(address)),
    reset: (address) => write("reset", store.reset(address)),
    get: (address) => read("get", store.get(address)),
    candidates: (kind, limit) => read("candidates", store.candidates(kind, limit)),
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
    ban: (id) => write("ban", list.ban(id)),
    unban: (id) => write("unban", list.unban(id)),
    isBanned: (id) => read("isBanned", list.isBanned(id)),
    all: read("all", list.all)
  }
}
