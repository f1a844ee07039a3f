import { partitionParameter, pathTextParameter, textParameter } from './parameters.ts'

export const TOPIC_PATH = { topic: textParameter("The topic's name.") }

export const PARTITION_PATH = {
  ...TOPIC_PATH,
  partition: partitionParameter("The partition's number; the first is 0."),
}

export const GROUP_PATH = {
  groupId: pathTextParameter(
    "The group's id, percent-encoded; `/`, `\\`, `?`, `#`, `%` and `~` as `~2F`, `~5C`, `~3F`, `~23`, `~25` and `~7E`.",
  ),
}

export const TRIGGER_PATH = { ...GROUP_PATH, ...TOPIC_PATH }
