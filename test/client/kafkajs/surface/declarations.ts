import { readFileSync } from 'node:fs'
import { parseAst } from 'vitest/node'

/** One thing that KafkaJS's declarations offer. */
export interface Member {
  /** Such as `ConsumerConfig.groupId`, `Admin.createTopics(topics)`, `ConsumerCrashEvent.payload.restart`. */
  name: string
  /** The exported name that it belongs to. */
  of: string
}

/** An exported name of KafkaJS's declarations. */
export interface ExportedName {
  name: string
  kind: 'class' | 'enum' | 'value' | 'type'
  /** Of type parameters. */
  parameters: number
}

// biome-ignore lint/suspicious/noExplicitAny: a syntax tree, whose nodes are told apart by their type alone
type Node = any

const PLACE = new URL('../../../../node_modules/kafkajs/types/index.d.ts', import.meta.url)

/** What KafkaJS says that it has, in the order of its declarations. */
export function readDeclarations(): { names: ExportedName[]; members: Member[] } {
  const { body }: Node = parseAst(readFileSync(PLACE, 'utf8'), { lang: 'dts' } as object)
  const exported: Node[] = body
    .filter(({ type }: Node) => type === 'ExportNamedDeclaration')
    .map(({ declaration }: Node) => declaration)
  const local = new Map<string, Node>(
    body
      .map((node: Node) => node.declaration ?? node)
      .filter(({ id }: Node) => id)
      .map((node: Node) => [node.id.name, node]),
  )
  const names: ExportedName[] = []
  const members: Member[] = []
  for (const node of exported) {
    const id = node.type === 'VariableDeclaration' ? node.declarations[0].id : node.id
    names.push({
      name: id.name,
      kind: KINDS[node.type] ?? 'type',
      parameters: node.typeParameters?.params.length ?? 0,
    })
    members.push({ name: id.name, of: id.name })
    const paths = new Set(new Lister(local).ofDeclaration(node))
    for (const path of paths) members.push({ name: `${id.name}${path}`, of: id.name })
  }
  return { names, members }
}

const KINDS: Readonly<Record<string, ExportedName['kind']>> = {
  ClassDeclaration: 'class',
  TSEnumDeclaration: 'enum',
  VariableDeclaration: 'value',
}

/** Lists the paths of what a declaration has, each beginning with a dot. */
class Lister {
  readonly #local: ReadonlyMap<string, Node>

  constructor(local: ReadonlyMap<string, Node>) {
    this.#local = local
  }

  ofDeclaration(node: Node): string[] {
    switch (node.type) {
      case 'ClassDeclaration':
        return node.body.body.flatMap((each: Node) => this.#ofMember(each))
      case 'TSInterfaceDeclaration':
        return [
          ...(node.extends ?? []).flatMap(({ expression }: Node) => this.#ofName(expression.name)),
          ...node.body.body.flatMap((each: Node) => this.#ofMember(each)),
        ]
      case 'TSEnumDeclaration':
        return node.body.members.map(({ id }: Node) => `.${id.name}`)
      case 'TSTypeAliasDeclaration':
        return this.#ofType(node.typeAnnotation)
      default:
        return this.#ofType(node.declarations[0].id.typeAnnotation.typeAnnotation)
    }
  }

  #ofName(name: string): string[] {
    const node = this.#local.get(name)
    return node ? this.ofDeclaration(node) : []
  }

  #ofType(type: Node): string[] {
    switch (type?.type) {
      case 'TSTypeLiteral':
        return type.members.flatMap((each: Node) => this.#ofMember(each))
      case 'TSIntersectionType':
      case 'TSUnionType':
        return type.types.flatMap((each: Node) => this.#ofType(each))
      case 'TSTypeReference': {
        const { name } = type.typeName
        if (name === 'InstrumentationEvent') {
          return this.#ofType(type.typeArguments?.params[0]).map(path => `.payload${path}`)
        }
        return this.#ofName(name)
      }
      default:
        return []
    }
  }

  /** What is written out on the spot; what has a name of its own is listed under that. */
  #inline(type: Node): string[] {
    switch (type?.type) {
      case 'TSTypeLiteral':
        return this.#ofType(type)
      case 'TSArrayType':
        return this.#inline(type.elementType).map(path => `[]${path}`)
      case 'TSIntersectionType':
      case 'TSUnionType':
        return type.types.flatMap((each: Node) => this.#inline(each))
      case 'TSTypeReference': {
        const inner = (type.typeArguments?.params ?? []).flatMap((each: Node) => this.#inline(each))
        return type.typeName.name === 'Array' ? inner.map((path: string) => `[]${path}`) : inner
      }
      default:
        return []
    }
  }

  #ofMember(member: Node): string[] {
    const name = member.key?.name ?? member.key?.property?.name
    if (name === undefined || name === 'constructor') return []
    const signature = member.value ?? member
    const parameters: Node[] = signature.params ?? []
    const path = `.${name}`
    // Its overloads name events, which are listed themselves.
    if (name === 'on') return [path]
    const options = parameters.flatMap(each =>
      this.#inline((each.left ?? each).typeAnnotation?.typeAnnotation).map(
        option => `${path}(${option.replace(/^\./, '')})`,
      ),
    )
    const returned = this.#inline(signature.returnType?.typeAnnotation).map(answer => `${path}()${answer}`)
    const property = this.#inline(member.typeAnnotation?.typeAnnotation).map(inner => `${path}${inner}`)
    return [path, ...options, ...returned, ...property]
  }
}
