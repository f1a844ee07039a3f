import { partitionParameter } from './parameters.ts'
import { TOPIC_PATH } from './topic-path.ts'

export const PARTITION_PATH = {
  ...TOPIC_PATH,
  partition: partitionParameter("The partition's number; the first is 0."),
}
