/** A broker on trial that wakes its consumers, as the emulators can deploy it. */
import { App } from 'aws-cdk-lib'
import { CfnRouteResponse } from 'aws-cdk-lib/aws-apigatewayv2'
import { readSettings } from '../../infra/context.ts'
import { TidemarkStack } from '../../infra/index.ts'

const app = new App()
const { stackName, ...settings } = readSettings(app.node)
const stack = new TidemarkStack(app, stackName, {
  ...settings,
  production: false,
  waking: true,
  monitoring: false,
  requestLog: true,
})
// MiniStack's CloudFormation does not know them, and sends what a route's function answers with and without.
for (const each of stack.node.findAll()) {
  if (each instanceof CfnRouteResponse) each.node.scope!.node.tryRemoveChild(each.node.id)
}
