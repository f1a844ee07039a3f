/** Writes the functions' bundles into the folder that is named: what the package carries for those without esbuild. */
import { bundleFunctions } from './bundle.ts'

const [directory] = process.argv.slice(2)
if (directory === undefined) {
  console.error('usage: node functions/build.ts <folder>')
  process.exit(2)
}
bundleFunctions(directory)
