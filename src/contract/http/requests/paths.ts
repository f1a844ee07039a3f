import { GROUP_ID_CHARACTERS_MAX } from '../../../core/limits.ts'
import {
  type Parameters,
  partitionParameter,
  pathTextParameter,
  textParameter,
  type Values,
} from './parameters.ts'
import { GROUP_ID_IN_PATH, MEMBER_ID_IN_PATH, TOPIC_NAME_SCHEMA, TRANSACTIONAL_ID_IN_PATH } from './texts.ts'

/** The parameters that paths have: each means the same in all. */
const PATH_PARAMETERS = {
  topic: textParameter("The topic's name.", { ...TOPIC_NAME_SCHEMA, examples: ['orders'] }),
  partition: partitionParameter("The partition's number; the first is 0."),
  groupId: pathTextParameter(
    "The group's id, percent-encoded; `/`, `\\`, `?`, `#`, `%` and `~` as `~2F`, `~5C`, `~3F`, `~23`, `~25` and `~7E`. " +
      `Decoded, it has at most ${GROUP_ID_CHARACTERS_MAX} characters.`,
    { ...GROUP_ID_IN_PATH, examples: ['billing'] },
  ),
  memberId: pathTextParameter("The member's id, in the same form.", MEMBER_ID_IN_PATH),
  transactionalId: pathTextParameter("The transactional id, in the same form as a group's.", {
    ...TRANSACTIONAL_ID_IN_PATH,
    examples: ['billing-1'],
  }),
  key: textParameter("The object's key. It has slashes, which stand as such."),
}

type PathParameters = typeof PATH_PARAMETERS

type NamesIn<Path extends string> = Path extends `${string}{${infer Name}}${infer Rest}`
  ? Name | NamesIn<Rest>
  : never

/** What is read of a path, which has the names of its parameters in braces, as OpenAPI writes it. */
export type PathValues<Path extends string> = Values<
  Pick<PathParameters, NamesIn<Path> & keyof PathParameters>
>

export function pathParametersOf(path: string): Parameters {
  const names = [...path.matchAll(/\{(\w+)\}/g)].map(([, name]) => name as keyof PathParameters)
  return Object.fromEntries(names.map(name => [name, PATH_PARAMETERS[name]]))
}
