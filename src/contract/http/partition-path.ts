import { PartitionText } from './number-schemas.ts'
import { TopicPath } from './topic-path.ts'

export const PartitionPath = TopicPath.extend({
  partition: PartitionText.meta({ description: "The partition's number; the first is 0." }),
})
