/**
 * The rules of this house that the linter does not bring: a small oxlint plugin, named in `.oxlintrc.json`.
 *
 * `house/network-names` keeps what every overlay shares free of any one network. `house/optional-packages` keeps a package that
 * users need not install to the one module that is about it.
 */

interface Node {
  readonly type: string
}

interface Context {
  readonly filename: string
  readonly cwd: string
  readonly options: ReadonlyArray<unknown>
  readonly report: (problem: { readonly node: Node; readonly message: string }) => void
}

/**
 * A network is named only below a folder of its name: elsewhere no identifier, string, import or path speaks of it.
 *
 * Comments may, for an example often makes a rule clear. The options are the networks, in lower case.
 */
const networkNames = {
  meta: { schema: { type: "array", items: { type: "string" } } },
  create: (context: Context) => {
    const path = context.filename.slice(context.cwd.length + 1).toLowerCase()
    const folders = path.split("/").slice(0, -1)
    const foreign = context.options.filter((network) => typeof network === "string" && !folders.includes(network))

    const check = (node: Node, text: unknown): void => {
      if (typeof text !== "string") return
      const network = foreign.find((name) => typeof name === "string" && text.toLowerCase().includes(name))
      if (network === undefined) return
      const message = `"${text}" names ${network} in a module of all networks: move it below a folder "${network}", ` +
        "or give it a name that every network could use."
      context.report({ node, message })
    }

    return {
      Program: (node: Node) => check(node, path),
      Identifier: (node: Node & { readonly name: string }) => check(node, node.name),
      PrivateIdentifier: (node: Node & { readonly name: string }) => check(node, node.name),
      Literal: (node: Node & { readonly value: unknown }) => check(node, node.value),
      TemplateElement: (node: Node & { readonly value: { readonly raw: string } }) => check(node, node.value.raw)
    }
  }
}

/**
 * A package that need not be installed is imported by one module, and no other module imports that: else all that reaches it
 * would fail where the package is not. The options are pairs of a package and its module, a path from the root.
 */
const optionalPackages = {
  meta: { schema: { type: "array", items: { type: "object" } } },
  create: (context: Context) => {
    const path = context.filename.slice(context.cwd.length + 1)
    const pairs = context.options as ReadonlyArray<{ readonly package: string; readonly module: string }>

    const check = ({ source }: ImportNode): void => {
      const name = source?.value
      if (source === null || source === undefined || typeof name !== "string") return
      for (const { module, package: optional } of pairs) {
        if (path === module) continue
        const file = module.slice(module.lastIndexOf("/") + 1)
        const isPackage = name === optional || name.startsWith(`${optional}/`)
        if (!isPackage && !(name.startsWith(".") && name.endsWith(`/${file}`))) continue
        const message = `${optional} need not be installed: only ${module} imports it, and nothing imports that.`
        context.report({ node: source, message })
      }
    }
    return {
      ImportDeclaration: check,
      ImportExpression: check,
      ExportNamedDeclaration: check,
      ExportAllDeclaration: check
    }
  }
}

type ImportNode = Node & { readonly source?: (Node & { readonly value?: unknown }) | null }

export default {
  meta: { name: "house" },
  rules: { "network-names": networkNames, "optional-packages": optionalPackages }
}
