import { randomUUID } from 'node:crypto'
import type { AssignorName, Heartbeat, MemberName } from '../../../contract/groups.ts'
import { type KafkaErrorName, TidemarkError } from '../../../core/errors.ts'
import { checkPattern } from '../../../core/group/subscribing/subscription.ts'
import type { RequestOf } from '../../wire/api.ts'
import { ConsumerGroupHeartbeat } from '../../wire/messages/consumer-group-heartbeat.ts'
import type { Context, GatewayBroker } from '../context.ts'
import { NONE } from '../error-code.ts'
import { handler } from '../handler.ts'
import { asShown } from './client-host.ts'
import { toGroupError } from './codes.ts'
import { type KnownMembers, knownMembers } from './known-members.ts'
import { answered, isStuck, type MemberRecord, newRecord, splitOwned, withReport } from './member-record.ts'

type Request = RequestOf<typeof ConsumerGroupHeartbeat>

const JOINS = 0
const LEAVES = -1
/** A static member that will be back. */
const PAUSES = -2
/** From here on a member chooses its id itself. */
const OWN_ID = 1

const ASSIGNORS: Readonly<Record<string, AssignorName>> = { uniform: 'cooperative-sticky', range: 'range' }

export const consumerGroupHeartbeat = handler(ConsumerGroupHeartbeat, [0, 1], async (request, context) => {
  const { broker, version } = context
  try {
    check(request, version)
    const memberId = request.memberId || randomUUID()
    const name: MemberName = {
      groupId: request.groupId,
      memberId,
      instanceId: request.instanceId ?? undefined,
    }
    const known = knownMembers(broker)
    if (request.memberEpoch < JOINS) return await leave(request, name, broker, known)
    return { errorCode: NONE, memberId, ...(await beat(request, name, known, context)) }
  } catch (error) {
    return { ...toGroupError(error), memberId: null }
  }
})

async function leave(request: Request, name: MemberName, broker: GatewayBroker, known: KnownMembers) {
  if (!(await known.find(broker, name, request.memberEpoch))) throw unknown(name)
  known.forget(name)
  // A static member that will be back just falls silent: nothing moves until its session is over.
  if (request.memberEpoch === LEAVES) {
    const { groupId, memberId, instanceId } = name
    await broker.leaveGroup({ groupId, memberId, ...(instanceId !== undefined && { instanceId }) })
  }
  return { errorCode: NONE, memberId: name.memberId, memberEpoch: request.memberEpoch }
}

async function beat(
  request: Request,
  name: MemberName,
  known: KnownMembers,
  { broker, client, clock }: Context,
) {
  const isJoining = request.memberEpoch === JOINS
  const begunOn = known.get(name)
  const before = isJoining
    ? newRecord(subscriptionOf(request), request.rebalanceTimeoutMs)
    : await standing(request, name, broker, known)
  const record = withReport(before, request.topicPartitions)
  const { kept, released } = splitOwned(record)
  const { instanceId, ...ids } = name
  const asked: Heartbeat = {
    ...ids,
    memberEpoch: request.memberEpoch,
    ...(instanceId !== undefined && { instanceId }),
    clientId: client.clientId ?? '',
    clientHost: asShown(client.host),
    topics: record.topics,
    ...(record.topicPattern !== null && { topicPattern: record.topicPattern }),
    assignor: record.assignor,
    owned: kept,
    released,
    ...(record.settledEpoch > 0 && released.length === 0 && { settledEpoch: record.settledEpoch }),
  }
  try {
    const answer = await broker.heartbeat(asked)
    const next = answered(record, answer, clock.monotonicMs(), request.topicPartitions !== null)
    if (isStuck(next.record, clock.monotonicMs()))
      throw fenced('It has not let go of its partitions in time.')
    // Where it has given up waiting for one answer, nobody knows which of the two it has heard.
    const isAlone = known.get(name) === begunOn
    known.set(name, isAlone ? next.record : { ...next.record, told: undefined })
    const { memberEpoch, heartbeatIntervalMs } = answer
    return {
      memberEpoch,
      heartbeatIntervalMs,
      assignment: next.assignment && { topicPartitions: next.assignment },
    }
  } catch (error) {
    known.forget(name)
    throw error
  }
}

/** What is known of a member that is in the group, with what has changed. */
async function standing(
  request: Request,
  name: MemberName,
  broker: GatewayBroker,
  known: KnownMembers,
): Promise<MemberRecord> {
  const record = await known.find(broker, name, request.memberEpoch)
  if (!record) {
    throw unknown(name)
  }
  if (request.memberEpoch > record.memberEpoch) {
    throw fenced(`Its epoch is ${record.memberEpoch}, not ${request.memberEpoch}.`)
  }
  const { subscribedTopicNames, subscribedTopicRegex, serverAssignor } = request
  const isChanged = subscribedTopicNames !== null || subscribedTopicRegex !== null || serverAssignor !== null
  return isChanged ? { ...record, ...subscriptionOf(request, record), settledEpoch: 0 } : record
}

function unknown({ groupId, memberId }: MemberName): TidemarkError {
  return new TidemarkError('UNKNOWN_MEMBER_ID', `Member ${memberId} is not a member of group ${groupId}.`)
}

/** Its member has lost all it had, and joins again. */
function fenced(why: string): TidemarkError {
  return new TidemarkError(
    'FENCED_MEMBER_EPOCH',
    `The member is not what it takes itself for. ${why} Join again.`,
  )
}

/** What a request says of its member's subscription; null is what it was before. */
function subscriptionOf(
  { subscribedTopicNames, subscribedTopicRegex, serverAssignor }: Request,
  before?: MemberRecord,
): Pick<MemberRecord, 'topics' | 'topicPattern' | 'assignor'> {
  if (subscribedTopicRegex) checkRegex(subscribedTopicRegex)
  return {
    topics: subscribedTopicNames ?? before?.topics ?? [],
    // Empty: no expression any more.
    topicPattern:
      subscribedTopicRegex === null ? (before?.topicPattern ?? null) : subscribedTopicRegex || null,
    assignor:
      serverAssignor === null
        ? (before?.assignor ?? 'cooperative-sticky')
        : (ASSIGNORS[serverAssignor] ?? 'cooperative-sticky'),
  }
}

/** Kafka takes RE2's; what is beyond those known here is refused, not taken for something else. */
function checkRegex(regex: string): void {
  try {
    checkPattern(regex)
  } catch (error) {
    if (!(error instanceof TidemarkError)) throw error
    throw new TidemarkError('INVALID_REGULAR_EXPRESSION', error.message)
  }
}

/** As Kafka checks it, in its words. */
function check(request: Request, version: number): void {
  const { groupId, memberId, memberEpoch, instanceId, rebalanceTimeoutMs, topicPartitions } = request
  const { subscribedTopicNames, subscribedTopicRegex, serverAssignor } = request
  refuseIf(groupId === '', "GroupId can't be empty.")
  refuseIf(instanceId === '', "InstanceId can't be empty.")
  refuseIf(memberId === '' && (version >= OWN_ID || memberEpoch !== JOINS), "MemberId can't be empty.")
  refuseIf(memberEpoch < PAUSES, `MemberEpoch is invalid.`)
  refuseIf(memberEpoch === PAUSES && instanceId === null, "InstanceId can't be null.")
  if (memberEpoch === JOINS) {
    refuseIf(rebalanceTimeoutMs === -1, 'RebalanceTimeoutMs must be provided in first request.')
    refuseIf(
      topicPartitions === null || topicPartitions.length > 0,
      'TopicPartitions must be empty when (re-)joining.',
    )
    refuseIf(
      subscribedTopicNames === null && subscribedTopicRegex === null,
      'Either SubscribedTopicNames or SubscribedTopicRegex must be non-null when (re-)joining.',
    )
  }
  refuseIf(
    serverAssignor !== null && !Object.hasOwn(ASSIGNORS, serverAssignor),
    `ServerAssignor ${serverAssignor} is not supported. Supported assignors: ${Object.keys(ASSIGNORS).join(', ')}.`,
    'UNSUPPORTED_ASSIGNOR',
  )
}

function refuseIf(isWrong: boolean, message: string, name: KafkaErrorName = 'INVALID_REQUEST'): void {
  if (isWrong) throw new TidemarkError(name, message)
}
