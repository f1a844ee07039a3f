import { lazily } from '../../src/adapters/aws/table/lazily.ts'
import type { MaintenanceWakes } from '../../src/ports/maintenance-wakes.ts'

/** Calls of the function that maintains the store; Lambda's client is loaded with the first one. */
export function maintenanceOnDemand(functionName: string): MaintenanceWakes {
  const open = async () => {
    const { LambdaMaintenanceWakes } = await import(
      '../../src/adapters/aws/delivery/lambda-maintenance-wakes.ts'
    )
    return new LambdaMaintenanceWakes(functionName)
  }
  return lazily<MaintenanceWakes>(open, { wake: 'one' })
}
