/** What Lambda says about an invocation, as far as it is looked at. */
export interface InvocationContext {
  readonly awsRequestId: string
  getRemainingTimeInMillis(): number
}
