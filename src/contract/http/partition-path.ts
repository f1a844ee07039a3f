import { partitionParameter } from './requests/parameters.ts'
import { TOPIC_PATH } from './requests/paths.ts'

export const PARTITION_PATH = {
  ...TOPIC_PATH,
  partition: partitionParameter("The partition's number; the first is 0."),
}
