import { closeSync, openSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Ports } from '../../src/ports/index.ts'
import type { Telemetry } from './telemetry.ts'

/** Where the process dies: behind an object's upload, or behind an append to the index, before anybody hears of it. */
const FAULTS = ['after-put', 'after-commit'] as const

/**
 * Ports with which the process dies once, at the point that TIDEMARK_TEST_FAULT names. Only for tests of what a
 * producer's retry meets then. The value may end in a token (`after-put:run-7`): the process dies once for each, on
 * every machine that has a folder for temporary files of its own, whoever starts it again.
 * @param die ends the process
 * @throws RangeError when there is no such fault
 */
export function withTestFault(
  ports: Ports,
  fault: string,
  telemetry: Telemetry,
  die: () => void = () => process.exit(1),
): Ports {
  const [point = '', token = ''] = fault.split(':')
  if (!FAULTS.some(known => known === point) || !/^[\w-]*$/.test(token)) {
    throw new RangeError(`TIDEMARK_TEST_FAULT is one of ${FAULTS.join(', ')}, not "${fault}"`)
  }
  telemetry.warn('TIDEMARK_TEST_FAULT is set: this process is going to die. It is for tests only', { fault })
  const dieOnce = () => {
    if (!isFirst(join(tmpdir(), `tidemark-test-fault-${point}-${token}`))) return
    telemetry.error('TIDEMARK_TEST_FAULT: the process dies now', { fault })
    die()
  }
  const { objects, index } = ports
  if (point === 'after-put') {
    const put: typeof objects.put = async (key, chunks) => {
      await objects.put(key, chunks)
      dieOnce()
    }
    return { ...ports, objects: overriding(objects, { put }) }
  }
  const append: typeof index.append = async (...call) => {
    const outcome = await index.append(...call)
    if (outcome.kind === 'appended') dieOnce()
    return outcome
  }
  return { ...ports, index: overriding(index, { append }) }
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

/** `target` with some methods replaced; a store's methods need their object. */
function overriding<T extends object>(target: T, methods: Partial<T>): T {
  return new Proxy(target, {
    get(_, name) {
      if (Object.hasOwn(methods, name)) return methods[name as keyof T]
      const value = Reflect.get(target, name, target)
      return typeof value === 'function' ? value.bind(target) : value
    },
  })
}
