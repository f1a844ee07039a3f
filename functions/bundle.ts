import { execFileSync } from 'node:child_process'
import { join } from 'node:path'

/** The functions, by the folders that their handlers stand in. */
export const FUNCTION_NAMES = [
  'produce',
  'fetch',
  'flush',
  'maintain',
  'rebalance',
  'admin',
  'dispatch',
  'deliver',
  'listen',
  'post',
  'relay',
] as const

/** The folder of the layer that puts a gateway beside a function. */
export const GATEWAY_LAYER = 'gateway-layer'

export type FunctionName = (typeof FUNCTION_NAMES)[number]

/**
 * Writes `<directory>/<name>/index.mjs`, and the chunks that it loads when they are needed, for every function: ESM
 * for Node 24 on any processor, the same bytes for the same sources. Runs in a process of its own and waits for it:
 * a CDK construct is made synchronously, and esbuild's plugins are not.
 * @throws Error when a source cannot be bundled
 */
export function bundleFunctions(directory: string): void {
  const build = join(import.meta.dirname, 'build.ts')
  execFileSync(process.execPath, [build, directory], { stdio: ['ignore', 'inherit', 'inherit'] })
}
