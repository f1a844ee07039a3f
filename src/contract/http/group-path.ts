import { pathTextParameter } from './requests/parameters.ts'

export const GROUP_PATH = {
  groupId: pathTextParameter(
    "The group's id, percent-encoded; `/`, `\\`, `?`, `#`, `%` and `~` as `~2F`, `~5C`, `~3F`, `~23`, `~25` and `~7E`.",
  ),
}
