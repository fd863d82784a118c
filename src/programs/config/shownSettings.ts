/**
 * Settings as people see them: the value, its unit, where it comes from, and a file that says the same.
 */
import { Redacted } from "effect"
import { REDACTED, withoutSeeds } from "./ConfigProblem.ts"
import { aboutOf, sections, type SettingName, Settings } from "./settings.ts"

/** A value as JSON has it: a seed is never shown, and what is not set is `null`. */
export const plainValue = (
  settings: Settings,
  name: SettingName
): string | number | boolean | ReadonlyArray<string> | null => {
  const value = settings[name]
  if (value === undefined) return null
  if (Redacted.isRedacted(value)) return REDACTED
  if (typeof value === "string") return withoutSeeds(value)
  return typeof value === "object" ? value.map(withoutSeeds) : value
}

/** A value as TOML has it, and as nothing where it is not set. */
export const tomlValue = (settings: Settings, name: SettingName): string => {
  const value = plainValue(settings, name)
  if (value === null) return ""
  if (typeof value === "number") {
    return aboutOf(name).kind === "number" && Number.isInteger(value) ? value.toFixed(1) : String(value)
  }
  return typeof value === "object" ? `[${value.map(tomlText).join(", ")}]` : tomlText(value)
}

/** Texts of TOML and of JSON escape alike, but for one character, which TOML wants escaped. */
const tomlText = (value: string | boolean): string => JSON.stringify(value).replaceAll("\u007f", "\\u007f")

/** The bound of an option, if it is a number. */
const boundOf = (name: SettingName): string => {
  const { expected, kind } = aboutOf(name)
  return kind === "integer" || kind === "number" ? expected : ""
}

/** An example of what has no default: a seed belongs in a file that nobody else can read. */
const SEED_EXAMPLE = "\"$FILE:/etc/overlay/node.seed\""

/** How wide a comment is. */
const COMMENT_WIDTH = 100

const comment = (text: string): ReadonlyArray<string> => {
  const lines: Array<string> = []
  let line = "#"
  for (const word of text.split(" ")) {
    if (line.length + 1 + word.length > COMMENT_WIDTH) {
      lines.push(line)
      line = "#"
    }
    line += ` ${word}`
  }
  return [...lines, line]
}

/**
 * A file with all options, explained, for a network with this passphrase. Only the passphrase counts: the others are comments
 * that hold their defaults, so that the node goes on with later ones.
 */
export const templateOf = (passphrase: string, knownPeers: ReadonlyArray<string>): string => {
  const settings: Settings = { ...Settings.make({}), NETWORK_PASSPHRASE: passphrase, KNOWN_PEERS: knownPeers }
  const options = sections.flatMap(({ names, title }) => [
    "",
    `### ${title}`,
    ...names.flatMap((name) => {
      const { about, sets, unit } = aboutOf(name)
      const facts = [unit === "" ? "" : `Unit: ${unit}.`, boundOf(name) === "" ? "" : `Expected: ${boundOf(name)}.`]
      const line = `${name} = ${name === "NODE_SEED" ? SEED_EXAMPLE : tomlValue(settings, name)}`
      return [
        "",
        ...comment(
          [about, ...facts, sets === undefined ? "Not used yet." : ""].filter((text) => text !== "").join(" ")
        ),
        name === "NETWORK_PASSPHRASE" ? line : `# ${line}`
      ]
    })
  ])
  return [
    ...comment(
      "Configuration of an overlay node, in stellar-core's own TOML. What stands behind # is the default and does not " +
        "count; remove the # to choose something else. A flag and a variable of the environment (OVERLAY_ and the name) " +
        "come before this file."
    ),
    ...comment(
      "`overlay config check FILE` says whether it is right, `overlay config show --config FILE` what comes of it."
    ),
    ...options,
    "",
    "### Validators",
    "",
    ...comment(
      "With an ADDRESS they are peers to call: preferred ones if HOME_DOMAIN is NODE_HOME_DOMAIN, known ones otherwise. " +
        "Tables must stand behind all options."
    ),
    "# [[VALIDATORS]]",
    "# NAME = \"somebody\"",
    "# HOME_DOMAIN = \"example.org\"",
    "# PUBLIC_KEY = \"GCGB2S2KGYARPVIA37HYZXVRM2YZUEXA6S33ZU5BUDC6THSB62LZSTYH\"",
    "# ADDRESS = \"core.example.org:11625\"",
    ""
  ].join("\n")
}

/** The options as tables of Markdown, a section each. */
export const settingsPage = (): string => {
  const defaults = Settings.make({})
  const cell = (text: string): string => text.replaceAll("|", "\\|")
  return sections.map(({ names, title }) => {
    const rows = names.map((name) => {
      const { about, expected, sets, unit } = aboutOf(name)
      const value = tomlValue(defaults, name)
      const cells = [
        `\`${name}\``,
        value === "" ? "" : `\`${value}\``,
        unit,
        cell(expected),
        sets === undefined ? "not yet" : `\`${sets}\``,
        cell(about)
      ]
      return `| ${cells.join(" | ")} |`
    })
    return [
      `### ${title}`,
      "",
      "| option | default | unit | expected | sets | what it is |",
      "|---|---|---|---|---|---|",
      ...rows
    ]
      .join("\n")
  }).join("\n\n")
}
