import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { buildSync, type Metafile } from 'esbuild'
import { createHttpApp } from '../src/contract/http/app.ts'
import type { HttpPorts } from '../src/contract/http/settings.ts'

/** The functions, by the folders that their handlers stand in. */
export const FUNCTION_NAMES = ['produce', 'fetch', 'flush', 'admin'] as const

export type FunctionName = (typeof FUNCTION_NAMES)[number]

const ROOT = join(import.meta.dirname, '..')

/**
 * What functions do without. Native modules: a stack must deploy from any laptop to arm64. Sources of credentials
 * other than the environment: Lambda has no other, and they are a tenth of the bundle.
 */
const REPLACED = {
  '@node-rs/crc32': './functions/without-native/crc32.ts',
  snappy: './functions/without-native/snappy.ts',
  'lz4-napi': './functions/without-native/lz4-napi.ts',
  '@aws-sdk/credential-provider-node': './functions/without-native/credentials.ts',
}

/**
 * Writes `<directory>/<name>/index.mjs`, and the chunks that it loads when they are needed, for every function: ESM
 * for Node 24 on any processor, the same bytes for the same sources.
 * @throws Error when a source cannot be bundled
 */
export function bundleFunctions(directory: string): void {
  for (const name of FUNCTION_NAMES) bundleFunction(name, join(directory, name))
}

/** Bundles one function into a folder; tells what its files are made of. */
export function bundleFunction(name: FunctionName, directory: string): Metafile {
  const { metafile } = buildSync({
    absWorkingDir: ROOT,
    entryPoints: { index: `functions/${name}/handler.ts` },
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
    // For CommonJS that requires Node's modules: AWS X-Ray's.
    banner: { js: "import{createRequire}from'node:module';const require=createRequire(import.meta.url);" },
    metafile: true,
    logLevel: 'error',
  })
  if (name === 'admin') writeFileSync(join(directory, 'openapi.json'), JSON.stringify(describeApi()))
  return metafile
}

/** What the functions serve together, as OpenAPI. */
function describeApi(): object {
  // Describing calls nothing.
  const ports = { broker: {}, logger: {} } as HttpPorts
  return createHttpApp(ports).openApi()
}
