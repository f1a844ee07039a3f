/** What CloudFormation sends for a custom resource, as far as it is needed to answer. */
export interface ResourceEvent {
  readonly RequestType: string
  /** Missing from an event is a topic's, the oldest of them. */
  readonly ResourceType?: string
  /** Where the answer is PUT to. */
  readonly ResponseURL: string
  readonly StackId: string
  readonly RequestId: string
  readonly LogicalResourceId: string
  readonly PhysicalResourceId?: string
  readonly ResourceProperties?: unknown
  readonly OldResourceProperties?: unknown
}

/** Whatever else is wrong with it: an event with a ResponseURL must be answered there, or the stack waits for an hour. */
export function isResourceEvent(event: unknown): event is ResourceEvent {
  return typeof event === 'object' && event !== null && 'ResponseURL' in event && 'RequestType' in event
}
