import { cpSync, existsSync, mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { Stage } from 'aws-cdk-lib'
import * as assets from 'aws-cdk-lib/aws-ecr-assets'
import * as ecs from 'aws-cdk-lib/aws-ecs'
import type { Construct } from 'constructs'

/** The sources in a checkout, and what was built of them in the package: what the command needs, and its lock file if there is one. */
const PARTS = ['package.json', 'package-lock.json', 'src', 'dist']

/**
 * Packages are those of production. In a checkout, Node runs the sources; the package brings along what was built of
 * them. The users come as a secret in the environment, and go into a file that the command reads.
 */
const DOCKERFILE = `FROM public.ecr.aws/docker/library/node:24-slim
WORKDIR /tidemark
COPY . .
RUN npm install --omit=dev --ignore-scripts --no-audit --no-fund && npm cache clean --force
USER node
ENTRYPOINT ["node", "src/cli/tidemark.js", "gateway"]
`

/** The command \`tidemark gateway\` in an image, which CDK builds when it deploys: that needs Docker. */
export function gatewayImage(scope: Construct): ecs.ContainerImage {
  const root = packageRoot()
  const directory = join(Stage.of(scope)!.outdir, 'tidemark-gateway')
  rmSync(directory, { recursive: true, force: true })
  mkdirSync(directory, { recursive: true })
  for (const part of PARTS.filter(each => existsSync(join(root, each)))) {
    // What a checkout has built may be older than its sources, which are run there.
    if (part === 'dist' && existsSync(join(root, 'src/cli/main.ts'))) continue
    cpSync(join(root, part), join(directory, part), { recursive: true })
  }
  writeFileSync(join(directory, 'Dockerfile'), DOCKERFILE)
  return ecs.ContainerImage.fromAsset(directory, { platform: assets.Platform.LINUX_ARM64 })
}

/** Above this folder in a checkout, and above \`dist/cdk\` in the package. */
function packageRoot(): string {
  const roots = ['../', '../../../'].map(path => fileURLToPath(new URL(path, import.meta.url)))
  return roots.find(root => existsSync(join(root, 'package.json'))) ?? roots[0]!
}
