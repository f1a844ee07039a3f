import { defineApi } from '../api.ts'
import { array, bool, int16, int32, int64, string } from '../schema.ts'

export const DescribeLogDirs = defineApi({
  key: 35,
  name: 'DescribeLogDirs',
  versions: [1, 5],
  flexibleFrom: 2,
  request: {
    topics: array({ topic: string, partitions: array(int32) }).nullable(),
  },
  response: {
    throttleTimeMs: int32.orElse(0),
    errorCode: int16.in('3+'),
    results: array({
      errorCode: int16,
      logDir: string,
      topics: array({
        name: string,
        partitions: array({
          partitionIndex: int32,
          partitionSize: int64,
          offsetLag: int64,
          isFutureKey: bool,
        }),
      }),
      totalBytes: int64.in('4+').orElse(-1),
      usableBytes: int64.in('4+').orElse(-1),
      isCordoned: bool.in('5+'),
    }),
  },
})
