import {
  CONTROL_CHARACTERS,
  INSTANCE_ID_CHARACTERS_MAX,
  OWNED_PREFIXES,
} from '../../../core/group/identity.ts'
import {
  CLIENT_ID_CHARACTERS_MAX,
  GROUP_ID_CHARACTERS_MAX,
  MEMBER_ID_CHARACTERS_MAX,
  TOPIC_NAME_CHARACTERS_MAX,
  TRANSACTIONAL_ID_CHARACTERS_MAX,
} from '../../../core/limits.ts'
import { TOPIC_NAME } from '../../../core/topic/topic-name.ts'
import { ESCAPED_DIGITS } from './path-text.ts'

/**
 * What JSON Schema says of names and ids. The broker is what refuses others, with Kafka's error for each; here is only
 * said what it takes, made of what it goes by. Lengths are the broker's in UTF-16 units: of what is beyond U+FFFF, each
 * character counts twice, which a schema cannot say.
 */
export type TextSchema = Readonly<{ minLength?: number; maxLength?: number; pattern: string }>

export const TOPIC_NAME_SCHEMA: TextSchema = {
  minLength: 1,
  maxLength: TOPIC_NAME_CHARACTERS_MAX,
  pattern: TOPIC_NAME.source,
}

export const GROUP_ID_SCHEMA = idSchema(GROUP_ID_CHARACTERS_MAX)
export const MEMBER_ID_SCHEMA = idSchema(MEMBER_ID_CHARACTERS_MAX, OWNED_PREFIXES)
export const INSTANCE_ID_SCHEMA = idSchema(INSTANCE_ID_CHARACTERS_MAX)
/** One may be empty. */
export const CLIENT_ID_SCHEMA: TextSchema = { ...idSchema(CLIENT_ID_CHARACTERS_MAX), minLength: 0 }

/** The same as a part of a path, where some characters stand for one together (`toPathText`). */
export const GROUP_ID_IN_PATH = inPath(GROUP_ID_CHARACTERS_MAX)
export const TRANSACTIONAL_ID_IN_PATH = inPath(TRANSACTIONAL_ID_CHARACTERS_MAX)
export const MEMBER_ID_IN_PATH = inPath(MEMBER_ID_CHARACTERS_MAX, OWNED_PREFIXES)

function idSchema(maxLength: number, prefixes: readonly string[] = []): TextSchema {
  return { minLength: 1, maxLength, pattern: `^${notBefore(prefixes)}[^${CONTROL_CHARACTERS}]*$` }
}

function inPath(charactersMax: number, prefixes: readonly string[] = []): TextSchema {
  // No text can be read in two ways, so that nobody's matcher tries them all.
  const character = `[^${CONTROL_CHARACTERS}~]|~(?:${ESCAPED_DIGITS})|~(?!${ESCAPED_DIGITS})`
  return { minLength: 1, pattern: `^${notBefore(prefixes)}(?:${character}){1,${charactersMax}}$` }
}

function notBefore(prefixes: readonly string[]): string {
  return `(?!${['\\.{1,2}$', ...prefixes].join('|')})`
}
