/**
 * All that a node needs of this machine, as one layer: sockets, cryptography, randomness, names, and a book of peers and bans.
 */
import { Layer } from "effect"
import * as SecureRandom from "effect/crypto/SecureRandom"
import type { AddressResolver } from "effect/net/AddressResolver"
import type { BanList } from "../../services/BanList.ts"
import type { Crypto } from "../../services/Crypto.ts"
import type { PeerStore } from "../../services/PeerStore.ts"
import type { Transport } from "../../services/Transport.ts"
import * as MemoryBanList from "../memory/MemoryBanList.ts"
import * as MemoryPeerStore from "../memory/MemoryPeerStore.ts"
import * as NodeAddressResolver from "./NodeAddressResolver.ts"
import * as NodeCrypto from "./NodeCrypto.ts"
import * as SqliteBanList from "./SqliteBanList.ts"
import * as SqliteClient from "./SqliteClient.ts"
import type { SqliteMigrationError } from "./SqliteMigrations.ts"
import * as SqlitePeerStore from "./SqlitePeerStore.ts"
import * as TcpTransport from "./TcpTransport.ts"

/** Where a node of this machine keeps what survives a restart. */
export interface Storage {
  /** The SQLite file of peers and bans, made if it is missing; absent: they are kept in memory only. */
  readonly filename?: string | undefined
}

/** What can be wrong with the file. */
export type StorageError = SqliteClient.SqliteOpenError | SqliteMigrationError

/** What a node needs of its machine. Fails if the file cannot be used. */
export const layer = (storage: Storage = {}): Layer.Layer<
  Transport | Crypto | SecureRandom.SecureRandom | AddressResolver | PeerStore | BanList,
  StorageError
> =>
  Layer.mergeAll(
    TcpTransport.layer(),
    NodeCrypto.layer,
    SecureRandom.layerWebCrypto,
    NodeAddressResolver.layer,
    stores(storage)
  )

const stores = ({ filename }: Storage): Layer.Layer<PeerStore | BanList, StorageError> =>
  filename === undefined
    ? Layer.mergeAll(MemoryPeerStore.layer(), MemoryBanList.layer())
    : Layer.provide(Layer.mergeAll(SqlitePeerStore.layer(), SqliteBanList.layer()), SqliteClient.layer({ filename }))
