import { readdirSync, readFileSync } from 'node:fs'
import { builtinModules } from 'node:module'
import { dirname, join, posix, relative, resolve, sep } from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, expect, test } from 'vitest'

/** Who may import whom: the design's section 8, as data. Held against every import of every file in src. */
interface Layer {
  /** Folders or files that the layer is made of, from src on; the first layer that fits counts. */
  readonly files: readonly string[]
  /** Other layers' folders or files that it may import. Its own it always may. */
  readonly mayImport: readonly string[]
  /** Packages and Node's modules; a name ending in / stands for all that begin with it. */
  readonly packages: readonly string[]
  /** Of these it may take types only. */
  readonly typesOnly?: readonly string[]
  /** Packages of which it may take types only. */
  readonly typePackages?: readonly string[]
}

const LAYERS: Readonly<Record<string, Layer>> = {
  'entry points': {
    // cli/address/connect.ts assembles what the options name: a signed client, a store.
    files: ['embedded', 'index.ts', 'aws.ts', 'cli/main.ts', 'cli/address/connect.ts', 'cli/tidemark.js'],
    mayImport: [''],
    packages: ['node:', '@hono/node-server', 'commander', 'hono', 'ws'],
  },
  // Hashes are pure, and Node's are the fast ones.
  'metadata ids': {
    files: ['core/group/classic/metadata-id.ts'],
    mayImport: [],
    packages: ['node:crypto'],
  },
  'key hashes': { files: ['core/log/compaction/key-hash.ts'], mayImport: [], packages: ['node:crypto'] },
  core: {
    files: ['core'],
    mayImport: [],
    packages: ['node:zlib', '@node-rs/crc32', 'snappy', 'lz4-napi'],
  },
  ports: { files: ['ports'], mayImport: ['core'], packages: [] },
  broker: {
    files: ['broker'],
    mayImport: [
      'core',
      'ports',
      'contract/broker.ts',
      'contract/classic-groups.ts',
      'contract/groups.ts',
      'contract/producers.ts',
      'contract/transactions.ts',
      'contract/triggers.ts',
    ],
    packages: [],
    typesOnly: [
      'contract/broker.ts',
      'contract/classic-groups.ts',
      'contract/groups.ts',
      'contract/producers.ts',
      'contract/transactions.ts',
      'contract/triggers.ts',
    ],
  },
  contract: {
    files: ['contract'],
    mayImport: ['core', 'ports'],
    packages: ['hono', 'zod', 'node:buffer', 'node:crypto'],
  },
  'adapters/items': { files: ['adapters/items'], mayImport: ['core', 'ports'], packages: ['node:crypto'] },
  'adapters/memory': {
    files: ['adapters/memory'],
    mayImport: ['core', 'ports', 'adapters/items'],
    packages: [],
  },
  'adapters/local': {
    files: ['adapters/local'],
    mayImport: ['core', 'ports', 'adapters/items'],
    packages: [
      'node:sqlite',
      'node:timers/promises',
      'node:fs',
      'node:path',
      'node:crypto',
      'node:url',
      'node:child_process',
    ],
  },
  'adapters/aws': {
    files: ['adapters/aws'],
    mayImport: ['core', 'ports'],
    packages: [
      '@aws-sdk/',
      '@smithy/',
      'node:crypto',
      'node:http',
      'node:https',
      'node:timers/promises',
      'node:zlib',
    ],
  },
  // What Node 20 has no client for.
  'listener sockets': {
    files: ['client/listener-socket.ts'],
    mayImport: ['core', 'contract'],
    packages: ['ws'],
  },
  client: {
    files: ['client'],
    mayImport: ['core', 'contract'],
    packages: [],
    typePackages: ['zod', 'node:tls'],
  },
  // No input or output: tables of messages, and their bytes.
  'gateway/wire': { files: ['gateway/wire'], mayImport: ['core'], packages: [] },
  gateway: {
    files: ['gateway'],
    mayImport: ['core', 'contract', 'gateway/wire', 'ports/clock.ts'],
    packages: ['node:net', 'node:tls', 'node:crypto', 'node:events'],
  },
  cli: {
    files: ['cli'],
    // Of the ports only how a store fails and fares, for `verify` and `dev`.
    mayImport: ['core', 'contract', 'client', 'embedded', 'ports/outcome.ts', 'ports/store-health.ts'],
    packages: ['node:', 'commander'],
  },
}

/** A file's import: what it names, and whether it takes types only. */
interface Import {
  readonly specifier: string
  readonly isTypeOnly: boolean
}

/**
 * The imports of a source file: `import … from`, `export … from`, bare `import '…'`, `import('…')` and
 * `require('…')`. Text that only looks like one, in a comment, does not count.
 */
function importsOf(source: string): Import[] {
  const code = withoutComments(source)
  const imports: Import[] = []
  const statement = /(?:^|[\n;}])\s*(import|export)\b([^'"`;()]*?)\bfrom\s*(['"])([^'"\n]+)\3/g
  for (const [, , clause, , specifier] of code.matchAll(statement)) {
    imports.push({ specifier: specifier!, isTypeOnly: isTypeClause(clause!) })
  }
  for (const [, , specifier] of code.matchAll(/(?:^|[\n;}])\s*import\s*(['"])([^'"\n]+)\1/g)) {
    imports.push({ specifier: specifier!, isTypeOnly: false })
  }
  for (const [, , specifier] of code.matchAll(/\b(?:import|require)\s*\(\s*(['"`])([^'"`\n]+)\1/g)) {
    imports.push({ specifier: specifier!, isTypeOnly: false })
  }
  return imports
}

/** `type …`, or braces in which every name is marked as a type. */
function isTypeClause(clause: string): boolean {
  const text = clause.trim()
  if (/^type\b(?!\s*,)/.test(text)) return true
  const names = /^\{([^}]*)\}$/
    .exec(text)?.[1]
    ?.split(',')
    .map(name => name.trim())
    .filter(Boolean)
  return names !== undefined && names.length > 0 && names.every(name => /^type\s/.test(name))
}

/** Comments become blanks; strings stay, since // stands in many a URL. */
function withoutComments(source: string): string {
  const token = /'(?:\\.|[^'\\\n])*'|"(?:\\.|[^"\\\n])*"|`(?:\\.|[^`\\])*`|\/\/[^\n]*|\/\*[\s\S]*?\*\//g
  return source.replace(token, text => (text.startsWith('/') ? ' ' : text))
}

function isUnder(file: string, folder: string): boolean {
  return folder === '' || file === folder || file.startsWith(`${folder}/`)
}

function layerOf(file: string): [string, Layer] | undefined {
  return Object.entries(LAYERS).find(([, { files }]) => files.some(folder => isUnder(file, folder)))
}

function isAllowedPackage(specifier: string, packages: readonly string[]): boolean {
  return packages.some(name =>
    name.endsWith('/') || name.endsWith(':')
      ? specifier.startsWith(name)
      : specifier === name || specifier.startsWith(`${name}/`),
  )
}

/** What is wrong with the imports of a file, whose path counts from src. */
function findViolations(file: string, source: string): string[] {
  const found = layerOf(file)
  if (!found) return [`${file} is in no layer`]
  const [name, layer] = found
  const violations: string[] = []
  for (const { specifier, isTypeOnly } of importsOf(source)) {
    if (!specifier.startsWith('.')) {
      // Modules that exist with the prefix only are listed with it.
      const lacksPrefix = !specifier.startsWith('node:') && builtinModules.includes(specifier)
      if (lacksPrefix) violations.push(`${file}: ${specifier} lacks its node: prefix`)
      else if (
        !isAllowedPackage(specifier, [...layer.packages, ...(isTypeOnly ? (layer.typePackages ?? []) : [])])
      ) {
        violations.push(`${file}: ${name} must not import the package ${specifier}`)
      }
      continue
    }
    const target = relative('/src', resolve('/src', dirname(file), specifier))
      .split(sep)
      .join('/')
    if (target.startsWith('..')) {
      violations.push(`${file}: imports ${target}, which is not in src`)
      continue
    }
    if (layer.files.some(folder => isUnder(target, folder))) continue
    if (!layer.mayImport.some(folder => isUnder(target, folder))) {
      violations.push(`${file}: ${name} must not import ${target}`)
    } else if (!isTypeOnly && layer.typesOnly?.some(folder => isUnder(target, folder))) {
      violations.push(`${file}: ${name} may import types only from ${target}`)
    }
  }
  return violations
}

interface SourceFile {
  readonly file: string
  readonly source: string
}

/** What each of the files imports of the others. */
function importsAmong(files: readonly SourceFile[]): Map<string, string[]> {
  const known = new Set(files.map(({ file }) => file))
  return new Map(
    files.map(({ file, source }) => {
      const targets = importsOf(source)
        .filter(({ specifier }) => specifier.startsWith('.'))
        .map(({ specifier }) => posix.join(posix.dirname(file), specifier))
      return [file, targets.filter(target => known.has(target))]
    }),
  )
}

/**
 * Every circle of files that import one another, of types alone too: whoever reads one of them has to read all. Each is
 * told as its files in order.
 */
function findCircles(files: readonly SourceFile[]): string[][] {
  return circlesIn(importsAmong(files))
}

/** The same for the folders of one folder, however deep their files lie. What lies beside them is of no room. */
function findCirclesOfRooms(files: readonly SourceFile[], folder: string): string[][] {
  const roomOf = (file: string) => (isUnder(file, folder) ? file.slice(folder.length + 1).split('/') : [])
  const rooms = new Map<string, string[]>()
  for (const [file, targets] of importsAmong(files)) {
    const [room, rest] = roomOf(file)
    if (room === undefined || rest === undefined) continue
    const others = targets.map(roomOf).flatMap(([other, inside]) => (inside === undefined ? [] : [other!]))
    rooms.set(room, [...(rooms.get(room) ?? []), ...others.filter(other => other !== room)])
  }
  return circlesIn(rooms)
}

/** Tarjan's strongly connected components, those of one node only where it leads to itself. */
function circlesIn(targetsOf: ReadonlyMap<string, readonly string[]>): string[][] {
  const circles: string[][] = []
  const order = new Map<string, number>()
  /** Of the nodes on the path: the first one that leads back to them. */
  const lowest = new Map<string, number>()
  const path: string[] = []

  function visit(node: string): void {
    order.set(node, order.size)
    lowest.set(node, order.get(node)!)
    path.push(node)
    for (const target of targetsOf.get(node)!) {
      if (!order.has(target)) visit(target)
      if (lowest.has(target)) lowest.set(node, Math.min(lowest.get(node)!, lowest.get(target)!))
    }
    if (lowest.get(node) !== order.get(node)) return
    const circle = path.splice(path.indexOf(node))
    for (const each of circle) lowest.delete(each)
    if (circle.length > 1 || targetsOf.get(node)!.includes(node)) circles.push(circle.sort())
  }

  for (const node of targetsOf.keys()) if (!order.has(node)) visit(node)
  return circles
}

/** What is longer than this is more than one concept. */
const LINES_MAX = 400

/** Longer files that wait for being taken apart. One that is short enough must not stay here. */
const STILL_LONGER: readonly string[] = []

/** What is wrong with the files' lengths, where those in `stillLonger` may be longer. */
function findLengthViolations(files: readonly SourceFile[], stillLonger: readonly string[]): string[] {
  const isLong = ({ source }: SourceFile) => source.trimEnd().split('\n').length > LINES_MAX
  const long = new Set(files.filter(isLong).map(({ file }) => file))
  return [
    ...[...long]
      .filter(file => !stillLonger.includes(file))
      .map(file => `${file} has more than ${LINES_MAX} lines`),
    ...stillLonger.filter(file => !long.has(file)).map(file => `${file} is no exception any more`),
  ]
}

const ROOT = join(dirname(fileURLToPath(import.meta.url)), '..')

/** All files of a folder of the repository, by their paths from there on. */
function filesIn(folder: string): SourceFile[] {
  return readdirSync(join(ROOT, folder), { recursive: true, withFileTypes: true })
    .filter(entry => entry.isFile() && /\.[jt]s$/.test(entry.name))
    .map(entry => join(entry.parentPath, entry.name))
    .map(path => ({
      file: relative(join(ROOT, folder), path).split(sep).join('/'),
      source: readFileSync(path, 'utf8'),
    }))
}

describe('what is deployed and published', () => {
  const files = ['src', 'functions', 'infra'].flatMap(folder =>
    filesIn(folder).map(({ file, source }) => ({ file: `${folder}/${file}`, source })),
  )

  test('has no circle of files', () => {
    expect(findCircles(files)).toEqual([])
  })

  test.each(['src/core', 'src/broker'])('has no circle of rooms in %s', folder => {
    expect(findCirclesOfRooms(files, folder)).toEqual([])
  })

  test(`has no file of more than ${LINES_MAX} lines`, () => {
    expect(findLengthViolations(files, STILL_LONGER)).toEqual([])
  })
})

describe('a circle is found:', () => {
  const file = (name: string, ...imports: string[]) => ({ file: name, source: imports.join('\n') })

  test.each([
    ['of two', [file('a.ts', "import { b } from './b.ts'"), file('b.ts', "import { a } from './a.ts'")]],
    [
      'of types alone',
      [file('a.ts', "import type { B } from './b.ts'"), file('b.ts', "export type { A } from './a.ts'")],
    ],
    ['of an import on demand', [file('a.ts', "await import('./b.ts')"), file('b.ts', "import './a.ts'")]],
    [
      'across folders, beside what is none',
      [
        file('x/c.ts', "import '../a.ts'"),
        file('a.ts', "import './b.ts'", "import './d.ts'"),
        file('b.ts', "import { c } from './x/c.ts'", "import './d.ts'"),
        file('d.ts', "import 'node:fs'"),
      ],
    ],
    ['of a file with itself', [file('a.ts', "import { a } from './a.ts'")]],
  ])('%s', (_, files) => {
    const inCircle = files.map(each => each.file).filter(name => name !== 'd.ts')
    expect(findCircles(files)).toEqual([inCircle.sort()])
  })

  test('two of them', () => {
    const files = [
      file('a.ts', "import './b.ts'"),
      file('b.ts', "import './a.ts'", "import './c.ts'"),
      file('c.ts', "import './d.ts'"),
      file('d.ts', "import './c.ts'"),
    ]
    expect(findCircles(files)).toEqual([
      ['c.ts', 'd.ts'],
      ['a.ts', 'b.ts'],
    ])
  })

  test('but not where two ways lead to one file', () => {
    const files = [
      file('a.ts', "import './b.ts'", "import './c.ts'"),
      file('b.ts', "import './d.ts'"),
      file('c.ts', "import './d.ts'"),
      file('d.ts'),
    ]
    expect(findCircles(files)).toEqual([])
  })
})

test('rooms that know each other are caught, though none of their files do', () => {
  const files = [
    { file: 'src/core/log/head.ts', source: "import type { Group } from '../group/group.ts'" },
    { file: 'src/core/log/producers/runs.ts', source: "import '../entry.ts'" },
    { file: 'src/core/log/entry.ts', source: "import '../bytes.ts'" },
    { file: 'src/core/group/group.ts', source: "import '../topic/topic.ts'" },
    { file: 'src/core/group/subscribing/names.ts', source: "import '../../log/entry.ts'" },
    { file: 'src/core/topic/topic.ts', source: "import '../bytes.ts'" },
    { file: 'src/core/bytes.ts', source: "import './topic/topic.ts'" },
  ]
  expect(findCirclesOfRooms(files, 'src/core')).toEqual([['group', 'log']])
})

test('a file that is too long is caught, and an exception that is none', () => {
  const lines = (count: number) => 'x\n'.repeat(count)
  const files = [
    { file: 'src/long.ts', source: lines(LINES_MAX + 1) },
    { file: 'src/full.ts', source: lines(LINES_MAX) },
  ]
  expect(findLengthViolations(files, ['src/long.ts'])).toEqual([])
  expect(findLengthViolations(files, ['src/full.ts', 'src/gone.ts'])).toEqual([
    'src/long.ts has more than 400 lines',
    'src/full.ts is no exception any more',
    'src/gone.ts is no exception any more',
  ])
})

describe('the source', () => {
  const files = filesIn('src')

  test('keeps to the layers', () => {
    expect(files.length).toBeGreaterThan(50)
    expect(files.flatMap(({ file, source }) => findViolations(file, source))).toEqual([])
  })

  test('has every import seen by this test', () => {
    for (const { file, source } of files) {
      const lines = withoutComments(source)
        .split('\n')
        .filter(line => /\bfrom '[^']+'$/.test(line))
      expect([file, importsOf(source).length >= lines.length]).toEqual([file, true])
    }
  })

  test('has all its relative imports end in .ts and lead to a file', () => {
    const known = new Set(files.map(({ file }) => file))
    for (const { file, source } of files) {
      for (const { specifier } of importsOf(source).filter(each => each.specifier.startsWith('.'))) {
        const target = relative('/src', resolve('/src', dirname(file), specifier))
          .split(sep)
          .join('/')
        expect([file, specifier, known.has(target) || file.endsWith('.js')]).toEqual([file, specifier, true])
      }
    }
  })

  test('has no two adapters that know each other, and none that is known below', () => {
    for (const { file, source } of files) {
      const adapter = /^adapters\/[^/]+/.exec(file)?.[0]
      for (const { specifier } of importsOf(source)) {
        const target = relative('/src', resolve('/src', dirname(file), specifier))
          .split(sep)
          .join('/')
        if (!specifier.startsWith('.') || !target.startsWith('adapters/')) continue
        const isShared = isUnder(target, 'adapters/items') && adapter !== 'adapters/aws'
        const mayKnow = adapter ? isUnder(target, adapter) || isShared : layerOf(file)?.[0] === 'entry points'
        expect([file, target, mayKnow]).toEqual([file, target, true])
      }
    }
  })
})

describe('an import is seen', () => {
  test.each([
    ["import { a } from './a.ts'", './a.ts', false],
    ["import a from './a.ts'", './a.ts', false],
    ["import * as a from './a.ts'", './a.ts', false],
    ["import a, { b } from './a.ts'", './a.ts', false],
    ["import type { A } from './a.ts'", './a.ts', true],
    ["import { type A, type B } from './a.ts'", './a.ts', true],
    ["import { type A, b } from './a.ts'", './a.ts', false],
    ["import {\n  type A,\n  type B,\n} from './a.ts'", './a.ts', true],
    ["import {\n  a,\n  b,\n} from './a.ts'", './a.ts', false],
    ["export { a } from './a.ts'", './a.ts', false],
    ["export type { A } from './a.ts'", './a.ts', true],
    ["export * from './a.ts'", './a.ts', false],
    ["import './a.ts'", './a.ts', false],
    ['import { a } from "./a.ts"', './a.ts', false],
    ["const a = await import('./a.ts')", './a.ts', false],
    ["const a = import(\n  './a.ts'\n)", './a.ts', false],
    ["const a = require('./a.ts')", './a.ts', false],
    ["const x = 1; import { a } from './a.ts'", './a.ts', false],
    ["/** x */ import { a } from './a.ts'", './a.ts', false],
    ["import { a } /* b */ from './a.ts'", './a.ts', false],
  ])('%j', (source, specifier, isTypeOnly) => {
    expect(importsOf(source)).toEqual([{ specifier, isTypeOnly }])
  })

  test.each([
    "// import { a } from './a.ts'",
    "/* import { a } from './a.ts' */",
    "/**\n * import { a } from './a.ts'\n */",
    "const text = 'nothing from here'",
    "export const from = 'x'",
    'const url = "https://a.example" // from \'./a.ts\'',
  ])('but not in %j', source => {
    expect(importsOf(source)).toEqual([])
  })

  test('each of several', () => {
    const source = "import { a } from './a.ts'\nimport type { B } from 'b'\nexport * from './c.ts'\n"
    expect(importsOf(source).map(({ specifier }) => specifier)).toEqual(['./a.ts', 'b', './c.ts'])
  })
})

describe('a forbidden import is caught:', () => {
  test.each([
    ['core/log/made-up.ts', "import { x } from '../../broker/reading/fetch.ts'"],
    ['core/log/made-up.ts', "import type { X } from '../../ports/clock.ts'"],
    ['core/made-up.ts', "import { readFile } from 'node:fs/promises'"],
    ['core/made-up.ts', "import { x } from 'lodash'"],
    ['ports/made-up.ts', "import { x } from '../broker/reading/fetch.ts'"],
    ['broker/made-up.ts', "import { x } from '../adapters/memory/memory-items.ts'"],
    ['broker/made-up.ts', "const x = await import('../adapters/local/local-store.ts')"],
    ['broker/made-up.ts', "import { x } from '../contract/http/app.ts'"],
    ['broker/made-up.ts', "import { x } from '../contract/broker.ts'"],
    ['broker/made-up.ts', "import { setTimeout } from 'node:timers/promises'"],
    ['contract/http/made-up.ts', "import { x } from '../../broker/log-broker.ts'"],
    ['contract/made-up.ts', "export * from '../embedded/embedded.ts'"],
    ['adapters/local/made-up.ts', "import { x } from '../memory/virtual-clock.ts'"],
    ['adapters/local/made-up.ts', "import { x } from '../../broker/settling/flush.ts'"],
    ['adapters/local/made-up.ts', "import { x } from '@aws-sdk/client-s3'"],
    ['adapters/memory/made-up.ts', "import { x } from 'node:fs'"],
    ['client/made-up.ts', "import { x } from '../broker/log-broker.ts'"],
    ['client/made-up.ts', "import { x } from 'node:http'"],
    ['client/made-up.ts', "import { x } from 'zod'"],
    ['cli/commands/made-up.ts', "import { x } from '../../adapters/local/local-store.ts'"],
    ['cli/commands/made-up.ts', "import { x } from '../../broker/log-broker.ts'"],
    ['core/made-up.ts', "import { x } from '../../test/broker/harness.ts'"],
    ['core/made-up.ts', "import { x } from 'zlib'"],
    ['elsewhere/made-up.ts', ''],
  ])('%s: %s', (file, source) => {
    expect(findViolations(file, source)).toHaveLength(1)
  })

  test('and what is allowed is not', () => {
    expect(findViolations('broker/made-up.ts', "import type { X } from '../contract/broker.ts'")).toEqual([])
    expect(findViolations('broker/made-up.ts', "import { X } from '../core/errors.ts'")).toEqual([])
    expect(findViolations('adapters/aws/made-up.ts', "import { X } from '@aws-sdk/client-s3'")).toEqual([])
    expect(findViolations('adapters/local/made-up.ts', "import { X } from 'node:fs/promises'")).toEqual([])
  })
})
