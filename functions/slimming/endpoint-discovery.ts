/**
 * In place of '@aws-sdk/middleware-endpoint-discovery' in functions. DynamoDB's client finds its endpoint by the
 * region's name, unless somebody switches discovery on.
 */
export function resolveEndpointDiscoveryConfig<T extends object>(config: T): T {
  return config
}

export const NODE_ENDPOINT_DISCOVERY_CONFIG_OPTIONS = {
  environmentVariableSelector: () => false,
  configFileSelector: () => false,
  default: false,
}
