import { type KafkaErrorName, TidemarkError } from '../errors.ts'
import {
  CLIENT_ID_CHARACTERS_MAX,
  GROUP_ID_CHARACTERS_MAX,
  MEMBER_ID_CHARACTERS_MAX,
  TRANSACTIONAL_ID_CHARACTERS_MAX,
} from '../limits.ts'
import { TRIGGER_OWNER_PREFIX } from '../trigger/trigger.ts'

/** Stored member ids of static members begin with this, and no others. */
const STATIC_PREFIX = 'instance-'

export const INSTANCE_ID_CHARACTERS_MAX = MEMBER_ID_CHARACTERS_MAX - STATIC_PREFIX.length

/** The members of a class of characters that no id has, but for halves of surrogate pairs. */
export const CONTROL_CHARACTERS = '\\u0000-\\u001f\\u007f-\\u009f'
const CONTROL = new RegExp(`[${CONTROL_CHARACTERS}]`)

/** Beginnings of ids that no member can choose. */
export const OWNED_PREFIXES: readonly string[] = [STATIC_PREFIX, TRIGGER_OWNER_PREFIX]

/**
 * Whether an id can be stored and shown: 1 to `charactersMax` UTF-16 units, well-formed, no control characters.
 * Ids stand in keys and in log lines.
 */
function problemOf(what: string, id: string, charactersMax: number): string | null {
  if (id === '') return `A ${what} has at least one character.`
  // In a URL's path they mean another place, whatever they are encoded as.
  if (id === '.' || id === '..') return `A ${what} cannot be "${id}".`
  if (id.length > charactersMax) {
    return `A ${what} has at most ${charactersMax} characters; this one has ${id.length}.`
  }
  if (CONTROL.test(id) || !id.isWellFormed()) {
    // Quoted as JSON and not as it came: this text goes into logs.
    return `The ${what} ${JSON.stringify(id)} has control characters or half a surrogate pair.`
  }
  return null
}

function check(
  id: string,
  what: string,
  charactersMax: number,
  error: KafkaErrorName = 'INVALID_REQUEST',
): void {
  const problem = problemOf(what, id, charactersMax)
  if (problem !== null) throw new TidemarkError(error, problem)
}

/**
 * Any text of 1 to 249 characters (at most 747 bytes of UTF-8) without control characters, but `.` and `..`. Kafka takes
 * any text at all but the empty one.
 * @throws INVALID_GROUP_ID
 */
export function checkGroupId(groupId: string): void {
  check(groupId, 'group id', GROUP_ID_CHARACTERS_MAX, 'INVALID_GROUP_ID')
}

/** Any text that could be a group id. @throws INVALID_REQUEST */
export function checkTransactionalId(transactionalId: string): void {
  check(transactionalId, 'transactional id', TRANSACTIONAL_ID_CHARACTERS_MAX)
}

/**
 * The id that a member chose for its stay: a UUID, or any text that could be a group id and is not taken for the
 * stored id of a static member, or for a trigger.
 * @throws INVALID_REQUEST
 */
export function checkMemberId(memberId: string): void {
  check(memberId, 'member id', MEMBER_ID_CHARACTERS_MAX)
  if (memberId.startsWith(STATIC_PREFIX)) {
    throw new TidemarkError(
      'INVALID_REQUEST',
      `Member ids that begin with "${STATIC_PREFIX}" belong to static members. Join with an instance id instead.`,
    )
  }
  if (memberId.startsWith(TRIGGER_OWNER_PREFIX)) {
    throw new TidemarkError(
      'INVALID_REQUEST',
      `Member ids that begin with "${TRIGGER_OWNER_PREFIX}" belong to triggers. Choose another, such as a UUID.`,
    )
  }
}

/** A member id, and the instance id of a static member. @throws INVALID_REQUEST */
export function checkMember({ memberId, instanceId }: { memberId: string; instanceId?: string | undefined }) {
  checkMemberId(memberId)
  if (instanceId !== undefined) checkInstanceId(instanceId)
}

/** @throws INVALID_REQUEST */
export function checkInstanceId(instanceId: string): void {
  check(instanceId, 'instance id', INSTANCE_ID_CHARACTERS_MAX)
}

/** A client id may be empty. @throws INVALID_REQUEST */
export function checkClientId(clientId: string): void {
  if (clientId !== '') check(clientId, 'client id', CLIENT_ID_CHARACTERS_MAX)
}

/** The id under which a member is stored: a static one keeps it from one stay to the next. */
export function storedMemberId(memberId: string, instanceId: string | null | undefined): string {
  return instanceId === null || instanceId === undefined ? memberId : `${STATIC_PREFIX}${instanceId}`
}
