/**
 * What somebody meant who misspelled a name.
 */

/** A name may be off by one edit for so many of its characters: more is another name and no slip. */
const CHARACTERS_PER_EDIT = 3

/**
 * How many single edits lead from one text to the other: a character put in, taken out or changed, or two neighbours swapped
 * (optimal string alignment: no place is edited twice).
 */
export const editDistance = (from: string, to: string): number => {
  // Rows of the table of distances between beginnings: two above, above, and the one that is filled.
  let before: Array<number> = []
  let above = Array.from({ length: to.length + 1 }, (_, column) => column)
  for (let row = 1; row <= from.length; row++) {
    const current = [row]
    for (let column = 1; column <= to.length; column++) {
      const isSame = from[row - 1] === to[column - 1]
      let least = Math.min(above[column]! + 1, current[column - 1]! + 1, above[column - 1]! + (isSame ? 0 : 1))
      const isSwapped = row > 1 && column > 1 && from[row - 1] === to[column - 2] && from[row - 2] === to[column - 1]
      if (isSwapped) least = Math.min(least, before[column - 2]! + 1)
      current.push(least)
    }
    before = above
    above = current
  }
  return above[to.length]!
}

/**
 * The name that is meant, if one is near enough: at most one edit for every three of its characters. Capitals do not count; of
 * names that are equally near, the first.
 */
export const nearestName = (text: string, names: Iterable<string>): string | undefined => {
  const written = text.toUpperCase()
  let nearest: string | undefined
  let least = Infinity
  for (const name of names) {
    const most = Math.floor(name.length / CHARACTERS_PER_EDIT)
    // Each edit changes the length by one at most: a very long text costs nothing.
    if (Math.abs(name.length - written.length) > Math.min(most, least)) continue
    const distance = editDistance(written, name.toUpperCase())
    if (distance > most || distance >= least) continue
    nearest = name
    least = distance
  }
  return nearest
}
