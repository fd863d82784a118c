/**
 * What of this machine a node uses: its network, its cryptography, and a database if something is to be kept.
 */
import { Layer } from "effect"
import * as SecureRandom from "effect/crypto/SecureRandom"
import type { AddressResolver } from "effect/net/AddressResolver"
import * as MemoryBanList from "../layers/memory/MemoryBanList.ts"
import * as MemoryPeerStore from "../layers/memory/MemoryPeerStore.ts"
import * as NodeAddressResolver from "../layers/node/NodeAddressResolver.ts"
import * as NodeCrypto from "../layers/node/NodeCrypto.ts"
import * as SqliteBanList from "../layers/node/SqliteBanList.ts"
import * as SqliteClient from "../layers/node/SqliteClient.ts"
import type { SqliteMigrationError } from "../layers/node/SqliteMigrations.ts"
import * as SqlitePeerStore from "../layers/node/SqlitePeerStore.ts"
import * as TcpTransport from "../layers/node/TcpTransport.ts"
import type { BanList } from "../services/BanList.ts"
import type { Crypto } from "../services/Crypto.ts"
import type { PeerStore } from "../services/PeerStore.ts"
import type { Transport } from "../services/Transport.ts"

/** What a node uses; peers and bans are kept in this SQLite file, or in memory when there is none. */
export const machine = (database: string | undefined): Layer.Layer<
  Transport | Crypto | SecureRandom.SecureRandom | AddressResolver | PeerStore | BanList,
  SqliteClient.SqliteOpenError | SqliteMigrationError
> =>
  Layer.mergeAll(
    TcpTransport.layer(),
    NodeCrypto.layer,
    SecureRandom.layerWebCrypto,
    NodeAddressResolver.layer,
    database === undefined
      ? Layer.mergeAll(MemoryPeerStore.layer(), MemoryBanList.layer())
      : Layer.provide(
        Layer.mergeAll(SqlitePeerStore.layer(), SqliteBanList.layer()),
        SqliteClient.layer({ filename: database })
      )
  )
