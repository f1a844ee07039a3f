import { App, Validations } from 'aws-cdk-lib'
import { AwsSolutionsChecks } from 'cdk-nag'
import { readSettings } from './context.ts'
import { TidemarkStack } from './tidemark-stack.ts'

// No account and no region: the same template for all, made with no credentials at hand.
const app = new App()
const { stackName, ...settings } = readSettings(app.node)
new TidemarkStack(app, stackName, settings)
Validations.of(app).addPlugins(new AwsSolutionsChecks(app))
