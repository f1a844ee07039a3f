/**
 * The names of items' attributes in a DynamoDB table. storage-layout.ts names everything else that is persisted, and hands these
 * out too.
 */

/** The attributes of an item's key in a DynamoDB table, both strings. */
export const KEY_ATTRIBUTES = { partition: 'pk', sort: 'sk' } as const

/**
 * A head's attributes in a DynamoDB table. Names count as bytes of an item that every append pays for, and none is
 * one of DynamoDB's reserved words, so that expressions can spell them out.
 */
export const HEAD_ATTRIBUTES = {
  version: 'v',
  startOffset: 'startOffset',
  tailOffset: 'tailOffset',
  nextOffset: 'nextOffset',
  tail: 'tail',
  flushedBytes: 'flushedBytes',
  flushedMaxTimestampMs: 'flushedMaxMs',
  producers: 'producers',
  flushedProducers: 'flushedProducers',
  settled: 'settled',
  appendFloor: 'appendFloor',
  drained: 'drained',
} as const

/** The attribute of what a store says of itself in a DynamoDB table. */
export const FORMAT_ATTRIBUTES = { statement: 'statement' } as const

/** A segment's attribute in a DynamoDB table. */
export const SEGMENT_ATTRIBUTES = { encoded: 'encoded' } as const

/** The attributes of what a store keeps of its ingest epochs in a DynamoDB table. Expressions spell out `version` only. */
export const INGEST_ATTRIBUTES = {
  epoch: 'epoch',
  written: 'written',
  advancedMs: 'advancedMs',
  floor: 'floor',
  cursor: 'cursor',
  stuck: 'stuck',
  roundMs: 'roundMs',
  drained: 'drained',
  drainedMs: 'drainedMs',
  swept: 'swept',
  heldBelow: 'heldBelow',
  version: 'version',
} as const

/** A note's attributes in a DynamoDB table; what its sort key says is not repeated. */
export const NOTE_ATTRIBUTES = {
  level: 'level',
  notedMs: 'notedMs',
  looks: 'looks',
  name: 'name',
  partitions: 'partitions',
  sweeps: 'sweeps',
} as const

/** A lease's attributes in a DynamoDB table. */
export const LEASE_ATTRIBUTES = { holder: 'holder', untilMs: 'untilMs' } as const

/** A block's attribute in a DynamoDB table. */
export const BLOCK_ATTRIBUTES = { encoded: 'encoded' } as const

/**
 * A producer's attributes in a DynamoDB table. The second is what DynamoDB's time to live goes by: seconds since the
 * epoch.
 */
export const PRODUCER_ATTRIBUTES = { encoded: 'encoded', expirySeconds: 'expirySeconds' } as const

/**
 * The attributes of an item of a listener in a DynamoDB table: it may go then, by the table's time to live; how far he knows the log;
 * when he was armed or woken last, and how often he is still to be woken.
 */
export const LISTENER_ATTRIBUTES = {
  expirySeconds: PRODUCER_ATTRIBUTES.expirySeconds,
  armedFrom: 'armedFrom',
  sinceMs: 'sinceMs',
  wakesLeft: 'wakesLeft',
} as const

/** The attribute of what tickets of listeners are signed by, in a DynamoDB table. */
export const WAKING_KEY_ATTRIBUTES = { secret: 'secret' } as const

/** A topic's attributes in a DynamoDB table; its name is the item's sort key. Expressions spell out `version` only. */
export const TOPIC_ATTRIBUTES = {
  topicId: 'topicId',
  partitions: 'partitions',
  configs: 'configs',
  createdMs: 'createdMs',
  growingTo: 'growingTo',
  expires: 'expires',
  grownMs: 'grownMs',
  state: 'state',
  version: 'version',
} as const

/** The attribute of a group's item in the list of groups. It is new with every write. */
export const LISTED_GROUP_ATTRIBUTES = { version: 'version' } as const

/** A group's attributes in a DynamoDB table. Its expressions, and those of members and claims, spell them out. */
export const GROUP_ATTRIBUTES = {
  epoch: 'epoch',
  targetId: 'targetId',
  targetChunks: 'targetChunks',
  assignor: 'assignor',
  marks: 'marks',
  marksSeen: 'marksSeen',
  topicsDigest: 'topicsDigest',
  checkedMs: 'checkedMs',
  sinceMs: 'sinceMs',
  unlisted: 'unlisted',
  classic: 'classic',
  classicVersion: 'classicVersion',
} as const

/** The attribute of a part of what classic members join with, or are assigned, in a DynamoDB table. */
export const PART_ATTRIBUTES = { encoded: 'encoded' } as const

/** A member's attributes in a DynamoDB table; its id stands in the sort key. */
export const MEMBER_ATTRIBUTES = {
  incarnation: 'incarnation',
  instanceId: 'instanceId',
  clientId: 'clientId',
  topics: 'topics',
  topicPattern: 'topicPattern',
  assignor: 'assignor',
  sessionTimeoutMs: 'sessionTimeoutMs',
  joinedMs: 'joinedMs',
  leaseUntilMs: 'leaseUntilMs',
  settledEpoch: 'settledEpoch',
  clientHost: 'clientHost',
} as const

export const TARGET_CHUNK_ATTRIBUTES = { encoded: 'encoded' } as const

/** A claim's attributes in a DynamoDB table; the partition stands in the sort key. "owner" and "offset" are reserved words. */
export const CLAIM_ATTRIBUTES = {
  owner: 'ownedBy',
  generation: 'generation',
  offset: 'committed',
  leaderEpoch: 'leaderEpoch',
  metadata: 'metadata',
  committedMs: 'committedMs',
  sequence: 'commitSequence',
  underGeneration: 'underGeneration',
  lastGeneration: 'lastGeneration',
} as const

/**
 * A trigger's attributes in a DynamoDB table; its group and topic stand in the sort key. Expressions spell out
 * `version` and `triggerId` only.
 */
export const TRIGGER_ATTRIBUTES = {
  triggerId: 'triggerId',
  target: 'target',
  state: 'state',
  createdMs: 'createdMs',
  version: 'version',
  batchSize: 'batchSize',
  maxBatchingWindowMs: 'maxBatchingWindowMs',
  startingPosition: 'startingPosition',
  startingTimestampMs: 'startingTimestampMs',
  parallelism: 'parallelism',
  retryAttempts: 'retryAttempts',
  maxRecordAgeMs: 'maxRecordAgeMs',
  bisectBatchOnError: 'bisectBatchOnError',
  reportBatchItemFailures: 'reportBatchItemFailures',
  filters: 'filters',
  onFailure: 'onFailure',
  callTimeoutMs: 'callTimeoutMs',
} as const
