/** Writes the functions' bundles into the folder that is named: what the package carries for those without esbuild. */
import { join } from 'node:path'
import { FUNCTION_NAMES } from './bundle.ts'
import { bundleFunction } from './bundling.ts'

const [directory] = process.argv.slice(2)
if (directory === undefined) {
  console.error('usage: node functions/build.ts <folder>')
  process.exit(2)
}
for (const name of FUNCTION_NAMES) await bundleFunction(name, join(directory, name))
