/** What CloudFormation sends for a custom resource, as far as it is needed to answer. */
export interface TopicResourceEvent {
  readonly RequestType: string
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
export function isTopicResourceEvent(event: unknown): event is TopicResourceEvent {
  return typeof event === 'object' && event !== null && 'ResponseURL' in event && 'RequestType' in event
}
