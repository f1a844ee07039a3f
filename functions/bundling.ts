import { chmod, copyFile, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { build, type Metafile, type Plugin } from 'esbuild'
import { createHttpApp } from '../src/contract/http/app.ts'
import type { HttpPorts } from '../src/contract/http/settings.ts'
import type { FunctionName } from './bundle.ts'

const ROOT = join(import.meta.dirname, '..')

/**
 * What functions have something smaller for. Native modules: a stack must deploy from any laptop to arm64. Sources of
 * credentials other than the environment: Lambda has no other. Event streams: nothing that functions call has any.
 */
const REPLACED = {
  '@node-rs/crc32': './functions/without-native/crc32.ts',
  snappy: './functions/without-native/snappy.ts',
  'lz4-napi': './functions/without-native/lz4-napi.ts',
  '@aws-sdk/credential-provider-node': './functions/slimming/credentials.ts',
  '@smithy/core/event-streams': './functions/slimming/event-streams.ts',
  '@aws-sdk/middleware-endpoint-discovery': './functions/slimming/endpoint-discovery.ts',
}

/** Bundles one function into a folder, given as an absolute path; tells what its files are made of. */
export async function bundleFunction(name: FunctionName, directory: string): Promise<Metafile> {
  const metafile = await bundle({ index: `functions/${name}/handler.ts` }, directory)
  if (name === 'admin') await writeFile(join(directory, 'openapi.json'), JSON.stringify(describeApi()))
  return metafile
}

/** The same for the layer that puts a gateway beside a function: `tidemark/gateway.mjs`, and what starts it. */
export async function bundleGatewayLayer(directory: string): Promise<void> {
  const folder = join(directory, 'tidemark')
  await bundle({ gateway: 'functions/gateway-layer/gateway.ts' }, folder)
  const start = join(folder, 'start')
  await copyFile(join(ROOT, 'functions/gateway-layer/start'), start)
  await chmod(start, 0o755)
}

async function bundle(entryPoints: Readonly<Record<string, string>>, directory: string): Promise<Metafile> {
  const { metafile } = await build({
    absWorkingDir: ROOT,
    entryPoints,
    outdir: directory,
    outExtension: { '.js': '.mjs' },
    chunkNames: '[name]-[hash]',
    bundle: true,
    splitting: true,
    format: 'esm',
    platform: 'node',
    target: 'node24',
    minify: true,
    legalComments: 'none',
    // Else esbuild takes the SDK's CommonJS, of which it can leave nothing out.
    mainFields: ['module', 'main'],
    alias: REPLACED,
    inject: ['functions/slimming/fetch-api.ts'],
    plugins: [withPlainKeys, withoutJsonSchema, withVersionOnly, withoutRelations, withoutJoining],
    banner: { js: REQUIRE },
    metafile: true,
    logLevel: 'error',
  })
  await leaveOutRequire(metafile)
  return metafile
}

/** For CommonJS that requires Node's modules: AWS X-Ray's. */
const REQUIRE = "import{createRequire}from'node:module';const require=createRequire(import.meta.url);"

/** It stands in each file, and few use it. */
async function leaveOutRequire({ outputs }: Metafile): Promise<void> {
  for (const [file, output] of Object.entries(outputs)) {
    const path = join(ROOT, file)
    const source = await readFile(path, 'utf8')
    const rest = source.replace(`${REQUIRE}\n`, '')
    if (rest === source || /\brequire\b/.test(rest)) continue
    await writeFile(path, rest)
    output.bytes -= source.length - rest.length
  }
}

/**
 * The SDK's schemas have members like `[_hH]: 1`, where `_hH` is a constant string. Of such an object esbuild must
 * think that making it does something, and keeps the schemas of all that S3 can do. With the names spelled out it
 * leaves out those that nobody uses.
 */
const withPlainKeys: Plugin = {
  name: 'plain keys in schemas',
  setup: ({ onLoad }) =>
    onLoad({ filter: /[\\/]dist-es[\\/]schemas[\\/]schemas_\d+\.js$/ }, async ({ path }) => {
      const source = await readFile(path, 'utf8')
      const constants = new Map(
        [...source.matchAll(/^const (\w+) = ("[^"\\]*");$/gm)].map(([, name, text]) => [name!, text!]),
      )
      const contents = source.replaceAll(/\[(\w+)\]:/g, (key, name) =>
        constants.has(name) ? `${constants.get(name)}:` : key,
      )
      return { contents }
    }),
}

/** zod's schemas can describe themselves as JSON Schema, which no function asks them for. */
const withoutJsonSchema: Plugin = {
  name: 'without JSON Schema',
  setup: ({ onLoad }) =>
    onLoad(
      { filter: /[\\/]zod[\\/]v4[\\/]core[\\/](to-json-schema|json-schema-processors)\.js$/ },
      async ({ path }) => {
        const source = await readFile(path, 'utf8')
        const names = [...source.matchAll(/^export (?:const|function|class) (\w+)/gm)].map(
          ([, name]) => name!,
        )
        return { contents: names.map(name => `export const ${name} = () => undefined\n`).join('') }
      },
    ),
}

/** Clients tell their version, for which they would carry the whole of their package.json. */
const withVersionOnly: Plugin = {
  name: 'versions only',
  setup: ({ onLoad }) =>
    onLoad({ filter: /[\\/]@aws-sdk[\\/]client-[\w-]+[\\/]package\.json$/ }, async ({ path }) => {
      const { version } = JSON.parse(await readFile(path, 'utf8'))
      return { contents: JSON.stringify({ version }), loader: 'json' }
    }),
}

/**
 * What must hold between limits was checked when this process read them, and is so for ever: the bundle need not check it again. Worked
 * out they are numbers, of which it carries those that somebody in it asks for.
 */
const withoutRelations: Plugin = {
  name: 'limits as numbers',
  setup: ({ onLoad }) =>
    onLoad({ filter: /[\\/]src[\\/]core[\\/]limits[\\/]\w+\.ts$/ }, async ({ path }) => {
      const limits: Record<string, unknown> = await import(path)
      const numbers = Object.entries(limits).filter(([, value]) => typeof value === 'number')
      const contents = numbers.map(([name, value]) => `export const ${name} = ${value}\n`).join('')
      return { contents }
    }),
}

/** To check many CRCs together saves calls of a native module, of which there are none. */
const withoutJoining: Plugin = {
  name: 'without joined CRCs',
  setup: ({ onResolve }) =>
    onResolve({ filter: /[\\/]record[\\/]run-check\.ts$/ }, () => ({
      path: join(ROOT, 'functions/without-native/run-check.ts'),
    })),
}

function describeApi(): object {
  // Describing calls nothing.
  const ports = { broker: {}, logger: {} } as HttpPorts
  return createHttpApp(ports).openApi()
}
