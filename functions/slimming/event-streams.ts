/**
 * In place of '@smithy/core/event-streams' in functions: S3's client asks for these names when it is made, and uses
 * them for commands only that nothing here sends.
 */
export function eventStreamSerdeProvider(): undefined {
  return undefined
}

export function resolveEventStreamSerdeConfig<T>(config: T): T {
  return config
}

export class EventStreamSerde {
  constructor() {
    throw new Error('functions are bundled without event streams')
  }
}
