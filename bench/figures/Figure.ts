/**
 * What a figure of the simulation is: networks that differ in one thing, each run with many seeds, and what is measured.
 */

/** One run of a network. */
export interface Trial {
  readonly seed: number
  readonly nodes: number
  /** How long it is watched; from when on, each figure says. Simulated. */
  readonly seconds: number
}

/** What came of one run, by the name of the measure; `null` for what did not happen while it was watched. */
export type Measured<Name extends string> = Readonly<Record<Name, number | null>>

/** A network to be measured. */
interface Variant<Name extends string> {
  /** What it is called in tables. */
  readonly name: string
  /** What makes it differ from the others, as it stands in JSON. */
  readonly parameters: Readonly<Record<string, number | string>>
  readonly run: (trial: Trial) => Measured<Name>
}

/** How a measure is shown. */
export interface Measure {
  readonly title: string
  /** Digits behind the point, in tables and in JSON: no figure is surer than that. */
  readonly digits: number
}

/** A figure. */
export interface Figure<Name extends string = string> {
  /** What is compared, in one sentence without a full stop. */
  readonly about: string
  /** Nodes, unless the caller says otherwise. */
  readonly nodes: number
  /** Simulated seconds, unless the caller says otherwise. */
  readonly seconds: number
  readonly measures: Readonly<Record<Name, Measure>>
  readonly variants: ReadonlyArray<Variant<Name>>
}
