import { existsSync, rmSync } from 'node:fs'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { Stage } from 'aws-cdk-lib'
import type { Construct } from 'constructs'

/** Beside this folder in a checkout, where the sources are; and in the package, where the bundles are. */
const FUNCTIONS = new URL('../functions/', import.meta.url)

let made: string | undefined

/**
 * The directory that holds `<function>/index.mjs` for each function. The published package brings the bundles
 * along, since a user's app has no esbuild. A checkout makes them, once a process, beside the templates.
 */
export function findBundles(scope: Construct): string {
  const bundler = fileURLToPath(new URL('bundle.ts', FUNCTIONS))
  if (!existsSync(bundler)) return fileURLToPath(FUNCTIONS)
  if (made === undefined || !existsSync(made)) {
    const directory = join(Stage.of(scope)!.outdir, 'tidemark-functions')
    // A construct is made synchronously, and only a checkout may load the bundler.
    const { bundleFunctions }: { bundleFunctions(directory: string): void } = createRequire(import.meta.url)(
      bundler,
    )
    // Chunks bear hashes in their names: those of an earlier run would stay, and be deployed.
    rmSync(directory, { recursive: true, force: true })
    bundleFunctions(directory)
    made = directory
  }
  return made
}
