/** Installs and compiles every client, so that no test has to wait for one: `node test/kafka-clients/install.ts`, as CI does. */
import { jars } from '../kafka/jars.ts'
import { COMMANDS } from './installed.ts'

jars('tools')
const results = await Promise.allSettled(
  Object.entries(COMMANDS).map(async ([name, command]) => {
    try {
      await command()
    } catch (error) {
      throw new Error(`${name}: ${(error as Error).message}`, { cause: error })
    }
  }),
)
const failed = results.filter(result => result.status === 'rejected')
for (const { reason } of failed) console.error(reason.message)
process.exitCode = failed.length > 0 ? 1 : 0
