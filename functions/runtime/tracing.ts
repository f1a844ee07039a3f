import { Tracer } from '@aws-lambda-powertools/tracer'
import type { Telemetry } from './telemetry.ts'

/** Segments for AWS X-Ray, of the invocation and of every HTTP request that it makes to the store. */
export function startTracing(service: string): Telemetry['trace'] {
  const tracer = new Tracer({ serviceName: service, captureHTTPsRequests: true })
  return async <T>(name: string, work: () => Promise<T>) =>
    (await tracer.provider.captureAsyncFunc(name, async segment => {
      try {
        tracer.annotateColdStart()
        tracer.addServiceNameAnnotation()
        return await work()
      } catch (error) {
        segment?.addError(error as Error)
        throw error
      } finally {
        segment?.close()
      }
    })) as T
}
