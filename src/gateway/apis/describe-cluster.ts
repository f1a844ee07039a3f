import type { ResponseOf } from '../wire/api.ts'
import { DescribeCluster } from '../wire/messages/describe-cluster.ts'
import { brokersOf, CLUSTER_OPERATIONS, OPERATIONS_NOT_ASKED } from './cluster.ts'
import { apiError, NONE } from './error-code.ts'
import { handler } from './handler.ts'

const BROKERS = 1
const CONTROLLERS = 2

type Answer = ResponseOf<typeof DescribeCluster>

export const describeCluster = handler(
  DescribeCluster,
  [0, 2],
  async ({ endpointType, includeClusterAuthorizedOperations }, { settings }): Promise<Answer> => {
    if (endpointType !== BROKERS) {
      const error =
        endpointType === CONTROLLERS
          ? apiError('MISMATCHED_ENDPOINT_TYPE', 'This is the endpoint of a broker, and not of a controller.')
          : apiError('UNSUPPORTED_ENDPOINT_TYPE', `There is no type ${endpointType} of endpoints.`)
      return { ...error, clusterId: '', brokers: [] }
    }
    return {
      errorCode: NONE,
      clusterId: settings.clusterId,
      controllerId: settings.nodeId,
      brokers: brokersOf(settings).map(({ nodeId, host, port }) => ({ brokerId: nodeId, host, port })),
      clusterAuthorizedOperations: includeClusterAuthorizedOperations
        ? CLUSTER_OPERATIONS
        : OPERATIONS_NOT_ASKED,
    }
  },
)
