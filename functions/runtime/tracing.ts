import { Tracer } from '@aws-lambda-powertools/tracer'

/** Runs `work` as a segment of a trace. */
export type Trace = <T>(name: string, work: () => Promise<T>) => Promise<T>

/** Segments for AWS X-Ray, of the invocation and of every HTTP request that it makes to the store. */
export function startTracing(service: string): Trace {
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
