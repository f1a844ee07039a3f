import { closeSync, openSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { FunctionCaller } from '../../src/ports/function-caller.ts'
import type { Ports } from '../../src/ports/index.ts'
import { overriding } from './overriding.ts'
import type { Telemetry } from './telemetry.ts'

/**
 * Where the process dies: behind an object's upload, before an append to the index or behind it, or behind a call of a trigger's
 * function, before anybody hears of it.
 */
const FAULTS = ['after-put', 'before-commit', 'after-commit', 'after-call'] as const

interface TestFault {
  readonly point: (typeof FAULTS)[number]
  dieOnce(): void
}

type Die = () => void

const exit: Die = () => process.exit(1)

/**
 * Ports with which the process dies once, at the point that TIDEMARK_TEST_FAULT names. Only for tests of what a
 * producer's retry meets then. The value may end in a token (`after-put:run-7`): the process dies once for each, on
 * every machine that has a folder for temporary files of its own, whoever starts it again.
 * @param die ends the process
 * @throws RangeError when there is no such fault
 */
export function withTestFault(ports: Ports, fault: string, telemetry: Telemetry, die: Die = exit): Ports {
  const { point, dieOnce } = readFault(fault, telemetry, die)
  const { objects, index } = ports
  if (point === 'after-call') return ports
  if (point === 'after-put') {
    const put: typeof objects.put = async (key, chunks) => {
      await objects.put(key, chunks)
      dieOnce()
    }
    return { ...ports, objects: overriding(objects, { put }) }
  }
  const append: typeof index.append = async (...call) => {
    if (point === 'before-commit') dieOnce()
    const outcome = await index.append(...call)
    if (point === 'after-commit' && outcome.kind === 'appended') dieOnce()
    return outcome
  }
  return { ...ports, index: overriding(index, { append }) }
}

/** The same for what calls triggers' functions: the process dies when the first one has answered. */
export function withCallFault(
  functions: FunctionCaller,
  fault: string,
  telemetry: Telemetry,
  die: Die = exit,
): FunctionCaller {
  const { point, dieOnce } = readFault(fault, telemetry, die)
  if (point !== 'after-call') return functions
  return {
    call: async (...call) => {
      const outcome = await functions.call(...call)
      if (outcome.kind === 'answered') dieOnce()
      return outcome
    },
  }
}

function readFault(fault: string, telemetry: Telemetry, die: Die): TestFault {
  const [name = '', token = ''] = fault.split(':')
  const point = FAULTS.find(known => known === name)
  if (point === undefined || !/^[\w-]*$/.test(token)) {
    throw new RangeError(`TIDEMARK_TEST_FAULT is one of ${FAULTS.join(', ')}, not "${fault}"`)
  }
  telemetry.warn('TIDEMARK_TEST_FAULT is set: this process is going to die. It is for tests only', { fault })
  const dieOnce = () => {
    if (!isFirst(join(tmpdir(), `tidemark-test-fault-${point}-${token}`))) return
    telemetry.error('TIDEMARK_TEST_FAULT: the process dies now', { fault })
    die()
  }
  return { point, dieOnce }
}

/** Whether nobody has left this mark before. */
function isFirst(path: string): boolean {
  try {
    closeSync(openSync(path, 'wx'))
    return true
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false
    throw error
  }
}
