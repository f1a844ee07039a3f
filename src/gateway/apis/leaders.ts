import { TidemarkError } from '../../core/errors.ts'
import type { RequestOf } from '../wire/api.ts'
import { AlterPartitionReassignments } from '../wire/messages/alter-partition-reassignments.ts'
import { ElectLeaders } from '../wire/messages/elect-leaders.ts'
import { ListPartitionReassignments } from '../wire/messages/list-partition-reassignments.ts'
import { checkReplicas } from './assignments.ts'
import type { Context } from './context.ts'
import { codeOf, NONE, toApiError } from './error-code.ts'
import { handler } from './handler.ts'

type Reassigned = RequestOf<typeof AlterPartitionReassignments>['topics'][number]['partitions'][number]

/** Preferred, and any. */
const ELECTIONS = [0, 1]

/** Each partition has the leader that it prefers, always. */
export const electLeaders = handler(
  ElectLeaders,
  [0, 2],
  async ({ electionType, topicPartitions }, context) => {
    const isKnown = ELECTIONS.includes(electionType)
    const asked =
      topicPartitions ?? (await context.topics.all()).map(({ topic }) => ({ topic, partitions: [] }))
    const replicaElectionResults = await Promise.all(
      asked.map(async ({ topic, partitions }) => {
        const outcome = (partition: number) => {
          if (isKnown) return outcomeOf(topic, partition, context, notNeeded)
          return toApiError(new TidemarkError('INVALID_REQUEST', `There is no election ${electionType}.`))
        }
        const partitionResult = partitions.map(async partitionId => ({
          partitionId,
          ...(await outcome(partitionId)),
        }))
        return { topic, partitionResult: await Promise.all(partitionResult) }
      }),
    )
    return { errorCode: isKnown ? NONE : codeOf('INVALID_REQUEST'), replicaElectionResults }
  },
)

function notNeeded(): never {
  throw new TidemarkError('ELECTION_NOT_NEEDED', 'The partition has the leader that it prefers.')
}

/** There is nowhere to move a partition to: each gateway has it. */
export const alterPartitionReassignments = handler(
  AlterPartitionReassignments,
  [0, 1],
  async ({ topics, allowReplicationFactorChange }, context) => ({
    errorCode: NONE,
    allowReplicationFactorChange,
    responses: await Promise.all(
      topics.map(async ({ name, partitions }) => ({
        name,
        partitions: await Promise.all(
          partitions.map(async asked => ({
            partitionIndex: asked.partitionIndex,
            ...(await outcomeOf(name, asked.partitionIndex, context, () => reassign(asked, context))),
          })),
        ),
      })),
    ),
  }),
)

function reassign({ replicas }: Reassigned, { settings }: Context): void {
  if (replicas) checkReplicas(replicas, settings)
  else throw new TidemarkError('NO_REASSIGNMENT_IN_PROGRESS', 'Nothing is being moved.')
}

export const listPartitionReassignments = handler(ListPartitionReassignments, [0, 0], async () => ({
  errorCode: NONE,
  topics: [],
}))

async function outcomeOf(
  topic: string,
  partition: number,
  { topics }: Context,
  act: () => void,
): Promise<{ errorCode: number; errorMessage: string | null }> {
  try {
    const found = await topics.byName(topic)
    if (!found || partition < 0 || partition >= found.partitions) {
      throw new TidemarkError(
        'UNKNOWN_TOPIC_OR_PARTITION',
        `There is no partition ${partition} of "${topic}".`,
      )
    }
    act()
    return { errorCode: NONE, errorMessage: null }
  } catch (error) {
    return toApiError(error)
  }
}
