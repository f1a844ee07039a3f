import { Validations } from 'aws-cdk-lib'
import { AccessLogField, AccessLogFormat } from 'aws-cdk-lib/aws-apigateway'
import * as apigateway from 'aws-cdk-lib/aws-apigatewayv2'
import { HttpIamAuthorizer, HttpJwtAuthorizer } from 'aws-cdk-lib/aws-apigatewayv2-authorizers'
import { HttpLambdaIntegration } from 'aws-cdk-lib/aws-apigatewayv2-integrations'
import type * as lambda from 'aws-cdk-lib/aws-lambda'
import type * as logs from 'aws-cdk-lib/aws-logs'
import type { Construct } from 'constructs'
import { ROUTES, type Route } from './routes.ts'

/** Whom the API lets in. Nothing is open, /health neither: whoever may call it makes you pay for a function. */
export type BrokerAuth =
  /** AWS's own signatures (SigV4). Who may do what is said by `grantProduce` and its like. */
  | 'iam'
  /** Tokens of an OpenID Connect provider. Whoever has a valid one may do everything. */
  | { readonly jwt: { readonly issuer: string; readonly audience: string | readonly string[] } }

export function makeApi(
  scope: Construct,
  auth: BrokerAuth,
  functions: Readonly<Record<Route['servedBy'], lambda.Function>>,
  accessLog: logs.LogGroup | undefined,
): apigateway.HttpApi {
  const api = new apigateway.HttpApi(scope, 'Api', {
    apiName: scope.node.path.replaceAll('/', '-'),
    description: 'Tidemark: an event log',
    createDefaultStage: false,
    defaultAuthorizer: makeAuthorizer(auth),
  })
  const stage = new apigateway.HttpStage(scope, 'Stage', {
    httpApi: api,
    stageName: '$default',
    autoDeploy: true,
    ...(accessLog && {
      accessLogSettings: {
        destination: new apigateway.LogGroupLogDestination(accessLog),
        format: accessLogFormat(auth),
      },
    }),
  })
  if (!accessLog) {
    Validations.of(stage).acknowledge({
      id: 'AwsSolutions-APIG1',
      reason:
        'Whoever made this broker has set accessLog to false: a log of each request costs as much as an eighth of the request.',
    })
  }
  const integrations = {
    produce: new HttpLambdaIntegration('Produce', functions.produce),
    fetch: new HttpLambdaIntegration('Fetch', functions.fetch),
    rebalance: new HttpLambdaIntegration('Rebalance', functions.rebalance),
    admin: new HttpLambdaIntegration('Admin', functions.admin),
  }
  for (const { method, path, servedBy } of ROUTES) {
    api.addRoutes({ path, methods: [apigateway.HttpMethod[method]], integration: integrations[servedBy] })
  }
  new apigateway.HttpRoute(scope, 'OtherRequests', {
    httpApi: api,
    routeKey: apigateway.HttpRouteKey.DEFAULT,
    integration: integrations.admin,
  })
  return api
}

function makeAuthorizer(auth: BrokerAuth): apigateway.IHttpRouteAuthorizer {
  if (auth === 'iam') return new HttpIamAuthorizer()
  const { issuer, audience } = auth.jwt
  return new HttpJwtAuthorizer('Jwt', issuer, { jwtAudience: [audience].flat() })
}

/**
 * JSON, so that CloudWatch Logs Insights knows the fields. Who called is what an audit asks for. Each byte is paid for with each
 * request: when it was, CloudWatch notes itself.
 */
function accessLogFormat(auth: BrokerAuth): AccessLogFormat {
  return AccessLogFormat.custom(
    JSON.stringify({
      requestId: AccessLogField.contextRequestId(),
      caller:
        auth === 'iam'
          ? AccessLogField.contextIdentityUserArn()
          : AccessLogField.contextAuthorizerClaims('sub'),
      sourceIp: AccessLogField.contextIdentitySourceIp(),
      method: AccessLogField.contextHttpMethod(),
      path: AccessLogField.contextPath(),
      status: AccessLogField.contextStatus(),
      latencyMs: AccessLogField.contextResponseLatency(),
      error: AccessLogField.contextErrorMessage(),
    }),
  )
}
