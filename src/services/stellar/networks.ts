/**
 * The networks that everybody knows: passphrase, where to begin, whom to trust with the position.
 *
 * Sources: the passphrases of SEP-5's networks; addresses and keys as stellar-core's example configurations give them.
 */
import { PeerId } from "../../core/PeerId.ts"
import { DEFAULT_PORT } from "../../core/stellar/limits.ts"

/** A network that everybody knows. */
export interface KnownNetwork {
  /** Its SHA-256 is the network's id. */
  readonly passphrase: string
  /** Nodes to dial first, `host:port`. */
  readonly peers: ReadonlyArray<string>
  /**
   * Validators that are believed about where the network is. They are three of one organization (SDF): good enough to
   * follow by, and to be replaced by a program's own choice where more hangs on it.
   */
  readonly trusted: ReadonlyArray<PeerId>
}

const hosts = (prefix: string, names: ReadonlyArray<string>): ReadonlyArray<string> =>
  names.map((name) => `${prefix}${name}.stellar.org:${DEFAULT_PORT}`)

/** The test network. It begins anew from time to time, under the same passphrase. */
export const testnet: KnownNetwork = {
  passphrase: "Test SDF Network ; September 2015",
  peers: hosts("core-testnet", ["1", "2", "3"]),
  trusted: [
    PeerId("GDKXE2OZMJIPOSLNA6N6F2BVCI3O777I2OOC4BV7VOYUEHYX7RTRYA7Y"),
    PeerId("GCUCJTIYXSOXKBSNFGNFWW5MUQ54HKRPGJUTQFJ5RQXZXNOLNXYDHRAP"),
    PeerId("GC2V2EFSXN6SQTWVYA5EPJPBWWIMSD2XQNKUOHGEKB535AQE2I6IXV2Z")
  ]
}

/** The public network. */
export const pubnet: KnownNetwork = {
  passphrase: "Public Global Stellar Network ; September 2015",
  peers: hosts("core-live-", ["a", "b", "c"]),
  trusted: [
    PeerId("GCGB2S2KGYARPVIA37HYZXVRM2YZUEXA6S33ZU5BUDC6THSB62LZSTYH"),
    PeerId("GCM6QMP3DLRPTAZW2UZPCPX2LF3SXWXKPMP3GKFZBDSF3QZGV2G5QSTK"),
    PeerId("GABMKJM6I25XI4K7U6XWMULOUQIQ27BCTMLS6BYYSOWKTBUXVRJSXHYQ")
  ]
}

/** The known networks by the names that people use. */
export const networks = { testnet, pubnet, mainnet: pubnet } as const

/** A name of a known network. */
export type NetworkName = keyof typeof networks

/** The validators that are believed about where a known network is. */
export const trustedOf = (network: NetworkName): ReadonlyArray<PeerId> => networks[network].trusted
