import { KafkaJSError, KafkaJSNonRetriableError, KafkaJSProtocolError } from './errors.ts'

/**
 * KafkaJS's errors that nothing here throws, since what they tell of is not there: connections to brokers, their
 * metadata, coordinators, old forms of messages. Programs that ask whether an error is one of them find them.
 */

export class KafkaJSRequestTimeoutError extends KafkaJSError {
  override readonly name = 'KafkaJSRequestTimeoutError'
  readonly broker: string = ''
  readonly correlationId: number = -1
  readonly createdAt: number = -1
  readonly sentAt: number = -1
  readonly pendingDuration: number = -1
}

export class KafkaJSMetadataNotLoaded extends KafkaJSError {
  override readonly name: string = 'KafkaJSMetadataNotLoaded'
}

export class KafkaJSTopicMetadataNotLoaded extends KafkaJSMetadataNotLoaded {
  override readonly name = 'KafkaJSTopicMetadataNotLoaded'
  readonly topic: string = ''
}

export class KafkaJSStaleTopicMetadataAssignment extends KafkaJSError {
  override readonly name = 'KafkaJSStaleTopicMetadataAssignment'
  readonly topic: string = ''
  readonly unknownPartitions: number = 0
}

export class KafkaJSServerDoesNotSupportApiKey extends KafkaJSNonRetriableError {
  override readonly name = 'KafkaJSServerDoesNotSupportApiKey'
  readonly apiKey: number = -1
  readonly apiName: string = ''
}

export class KafkaJSBrokerNotFound extends KafkaJSError {
  override readonly name = 'KafkaJSBrokerNotFound'
}

export class KafkaJSPartialMessageError extends KafkaJSNonRetriableError {
  override readonly name = 'KafkaJSPartialMessageError'
}

export class KafkaJSGroupCoordinatorNotFound extends KafkaJSNonRetriableError {
  override readonly name = 'KafkaJSGroupCoordinatorNotFound'
}

export class KafkaJSTimeout extends KafkaJSNonRetriableError {
  override readonly name: string = 'KafkaJSTimeout'
}

export class KafkaJSLockTimeout extends KafkaJSTimeout {
  override readonly name = 'KafkaJSLockTimeout'
}

export class KafkaJSUnsupportedMagicByteInMessageSet extends KafkaJSNonRetriableError {
  override readonly name = 'KafkaJSUnsupportedMagicByteInMessageSet'
}

export class KafkaJSAlterPartitionReassignmentsError extends KafkaJSProtocolError {
  override readonly name = 'KafkaJSAlterPartitionReassignmentsError'
  readonly topic?: string
  readonly partition?: number
}
