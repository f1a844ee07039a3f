/** Writes the functions' bundles into the folder that is named: what the package carries for those without esbuild. */
import { resolve } from 'node:path'
import { FUNCTION_NAMES, GATEWAY_LAYER } from './bundle.ts'
import { bundleFunction, bundleGatewayLayer } from './bundling.ts'

const [directory] = process.argv.slice(2)
if (directory === undefined) {
  console.error('usage: node functions/build.ts <folder>')
  process.exit(2)
}
// From where this was called: esbuild would take a relative path from the checkout.
for (const name of FUNCTION_NAMES) await bundleFunction(name, resolve(directory, name))
await bundleGatewayLayer(resolve(directory, GATEWAY_LAYER))
