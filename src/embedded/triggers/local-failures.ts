import { open } from 'node:fs/promises'
import { resolve } from 'node:path'
import { topicFailures, topicOfDestination } from '../../broker/triggers/delivering/topic-destination.ts'
import type { Broker } from '../../contract/broker.ts'
import type { FailureDestinations } from '../../ports/failure-destinations.ts'
import { StoreFailed } from '../../ports/outcome.ts'

const FILE_SCHEME = 'file:'

/** The file that a trigger's `onFailure` names; undefined where it names something else. */
function fileOfDestination(destination: string): string | undefined {
  return destination.startsWith(FILE_SCHEME) ? resolve(destination.slice(FILE_SCHEME.length)) : undefined
}

/** Whether what is given up can be told there from this process. */
export function isLocalDestination(destination: string): boolean {
  return topicOfDestination(destination) !== undefined || fileOfDestination(destination) !== undefined
}

/** Topics of the same broker, and files to which reports are appended, a line of JSON each. */
export function localFailures(broker: Pick<Broker, 'produce' | 'describeTopic'>): FailureDestinations {
  const topics = topicFailures(broker)
  const send: FailureDestinations['send'] = async (destination, givenUp) => {
    const path = fileOfDestination(destination)
    if (path === undefined) return await topics.send(destination, givenUp)
    // In the form of the objects that a bucket gets.
    const line = `${JSON.stringify({ ...JSON.parse(givenUp.report), payload: givenUp.event })}\n`
    try {
      await append(path, line)
    } catch (error) {
      throw new StoreFailed(`${path} cannot be written: ${(error as Error).message}`, { cause: error })
    }
  }
  return { send }
}

async function append(path: string, line: string): Promise<void> {
  const file = await open(path, 'a')
  try {
    await file.appendFile(line)
    await file.datasync()
  } finally {
    await file.close()
  }
}
