/** What a function is told by its environment. The region, the endpoint and the credentials are the SDK's to read. */
export interface FunctionEnvironment {
  readonly table: string
  readonly bucket: string
  /** Only for tests: where the process is to die, see test-fault.ts. */
  readonly testFault: string | undefined
  readonly isTraced: boolean
  /** Whether each request has its line in the log, and not only what is slow or fails. */
  readonly logsRequests: boolean
}

/** @throws Error that names every variable that is missing */
export function readEnvironment(variables: NodeJS.ProcessEnv): FunctionEnvironment {
  const { TIDEMARK_TABLE: table, TIDEMARK_BUCKET: bucket } = variables
  if (!table || !bucket) {
    const missing = [...(table ? [] : ['TIDEMARK_TABLE']), ...(bucket ? [] : ['TIDEMARK_BUCKET'])]
    throw new Error(
      `Set ${missing.join(' and ')} in the function's environment: the names of the broker's table and bucket.`,
    )
  }
  return {
    table,
    bucket,
    testFault: variables.TIDEMARK_TEST_FAULT || undefined,
    isTraced: variables.POWERTOOLS_TRACE_ENABLED === 'true',
    logsRequests: variables.TIDEMARK_REQUEST_LOG === 'true',
  }
}

/**
 * A variable that only some functions have.
 * @param meaning `the URL of the queue of wake-ups`
 * @throws Error where it is missing
 */
export function requireVariable(variables: NodeJS.ProcessEnv, name: string, meaning: string): string {
  const value = variables[name]
  if (!value) throw new Error(`Set ${name} in the function's environment: ${meaning}.`)
  return value
}
