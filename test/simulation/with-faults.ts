import { type FaultSource, Network, type SimulatedProcess } from '../../src/adapters/memory/network.ts'
import type { Clock } from '../../src/ports/clock.ts'

/** A port as it looks from a process across an unreliable network. `writes` names the methods that change something. */
export function withFaults<T extends object>(
  port: T,
  writes: readonly (keyof T)[],
  faults: FaultSource,
  process: SimulatedProcess,
  clock: Clock,
): T {
  const network = new Network(process, faults, clock)
  return new Proxy(port, {
    get(target, name) {
      const method = target[name as keyof T]
      if (typeof method !== 'function') return method
      return (...args: unknown[]) => {
        const apply = () => Reflect.apply(method, target, args)
        // Listings are not part of any protocol; they pass untouched.
        if (name === 'list' || name === 'partitions') return apply()
        return writes.includes(name as keyof T) ? network.write(apply) : network.read(apply)
      }
    },
  })
}
