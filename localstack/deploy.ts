/** `npm run emulator:deploy`: deploys the stack to the emulator that runs, and tells its outputs. */
import './plain-errors.ts'
import { emulatorEndpoint, OUTPUTS_FILE } from './running.ts'
import { bootstrapAccount, deployStack } from './stack.ts'

const endpoint = emulatorEndpoint()
await bootstrapAccount(endpoint)
const outputs = await deployStack({ endpoint, outputsFile: OUTPUTS_FILE })
console.log(outputs)
console.log(`For the command line: --outputs ${OUTPUTS_FILE}`)
