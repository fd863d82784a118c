/**
 * The tables of addresses in memory: who stands where. The rules stand in `AddressTables`.
 */
import { type Place, type TableName, tableSizes } from "./AddressTables.ts"
import { format, type PeerAddress } from "./PeerAddress.ts"

type Residents = Array<PeerAddress | undefined>

const places = (table: TableName): Residents => Array.from({ length: tableSizes[table] })

/** Who stands where, empty at first. */
export class AddressPlaces {
  private readonly tables: Readonly<Record<TableName, Residents>> = {
    new: places("new"),
    tried: places("tried"),
    waiting: places("waiting")
  }
  private readonly byAddress = new Map<string, ReadonlyArray<Place>>()

  /** Who stands at a place. */
  at({ at, table }: Place): PeerAddress | undefined {
    return this.tables[table][at]
  }

  /** Where an address stands. */
  of(address: PeerAddress): ReadonlyArray<Place> {
    return this.byAddress.get(format(address)) ?? []
  }

  /** Gives a place to an address; who stood there has it no more. */
  put(place: Place, address: PeerAddress): void {
    this.clear(place)
    this.tables[place.table][place.at] = address
    this.byAddress.set(format(address), [...this.of(address), place])
  }

  /** Empties a place. */
  clear(place: Place): void {
    const resident = this.at(place)
    if (resident === undefined) return
    this.tables[place.table][place.at] = undefined
    const others = this.of(resident).filter(({ at, table }) => table !== place.table || at !== place.at)
    if (others.length > 0) this.byAddress.set(format(resident), others)
    else this.byAddress.delete(format(resident))
  }

  /** Empties all places of an address. */
  remove(address: PeerAddress): void {
    for (const place of this.of(address)) this.clear(place)
  }

  /** The residents of a table in the order of their places. */
  residents(table: TableName): ReadonlyArray<readonly [at: number, address: PeerAddress]> {
    const residents: Array<readonly [at: number, address: PeerAddress]> = []
    // Most places are empty: a list for each of them would be most of the work.
    this.tables[table].forEach((address, at) => {
      if (address !== undefined) residents.push([at, address])
    })
    return residents
  }
}
