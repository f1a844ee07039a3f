import type { MaintenanceWakes } from '../../src/ports/maintenance-wakes.ts'

/** Calls of the function that maintains the store; Lambda's client is loaded with the first one. */
export function maintenanceOnDemand(functionName: string): MaintenanceWakes {
  let opening: Promise<MaintenanceWakes> | undefined
  const open = () => {
    opening ??= import('../../src/adapters/aws/delivery/lambda-maintenance-wakes.ts').then(
      module => new module.LambdaMaintenanceWakes(functionName),
    )
    return opening
  }
  return { wake: async calls => await (await open()).wake(calls) }
}
