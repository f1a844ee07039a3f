import { execFileSync } from 'node:child_process'
import { createHash, randomBytes } from 'node:crypto'
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { EMULATORS } from '../../localstack/running.ts'

/** What Java programs need of Maven Central, by what they are for. */
const DEPENDENCIES = {
  server: ['org.apache.kafka:kafka_2.13:4.4.0'],
  // Brings the Java client along. Logs go nowhere: what a tool has to say, it prints.
  tools: ['org.apache.kafka:kafka-tools:4.4.0', 'org.slf4j:slf4j-nop:1.7.36'],
  streams: ['org.apache.kafka:kafka-streams:4.4.0', 'org.slf4j:slf4j-nop:1.7.36'],
  connect: [
    'org.apache.kafka:connect-runtime:4.3.1',
    // There is no 4.4.0 of it, and this one needs a class that 4.4.0 has moved.
    'org.apache.kafka:connect-file:4.3.1',
    'org.slf4j:slf4j-simple:1.7.36',
  ],
} as const

const CHECKSUMS = join(import.meta.dirname, 'jars.sha256')

/**
 * A folder with the jars, fetched once for this checkout, each with the checksum that jars.sha256 says. Needs Maven and a network.
 * @throws Error that says what is missing, or which jar is another
 */
export function jars(purpose: keyof typeof DEPENDENCIES): string {
  const dependencies = DEPENDENCIES[purpose]
  const version = createHash('sha256').update(dependencies.join()).digest('hex').slice(0, 12)
  const folder = join(EMULATORS, `jars-${purpose}-${version}`)
  if (existsSync(folder)) return folder
  const unfinished = join(EMULATORS, `unfinished-${randomBytes(6).toString('hex')}`)
  try {
    fetchJars(dependencies, unfinished)
    checkJars(join(unfinished, 'jars'))
    try {
      renameSync(join(unfinished, 'jars'), folder)
    } catch (error) {
      // Where another process was faster, its folder is as good.
      if (!existsSync(folder)) throw error
    }
    return folder
  } finally {
    rmSync(unfinished, { recursive: true, force: true })
  }
}

function fetchJars(dependencies: readonly string[], folder: string): void {
  mkdirSync(folder, { recursive: true })
  const elements = dependencies.map(dependency => {
    const [group, artifact, version] = dependency.split(':')
    return `<dependency><groupId>${group}</groupId><artifactId>${artifact}</artifactId><version>${version}</version></dependency>`
  })
  writeFileSync(
    join(folder, 'pom.xml'),
    `<project><modelVersion>4.0.0</modelVersion><groupId>t</groupId><artifactId>t</artifactId><version>1</version><dependencies>${elements.join('')}</dependencies></project>`,
  )
  const goal = 'org.apache.maven.plugins:maven-dependency-plugin:3.6.1:copy-dependencies'
  const options = ['-q', '-B', goal, `-DoutputDirectory=${join(folder, 'jars')}`, '-DincludeScope=runtime']
  execFileSync('mvn', options, { cwd: folder, stdio: ['ignore', 'pipe', 'inherit'], timeout: 300_000 })
}

/** Lines of "checksum  name", as sha256sum writes them. */
function checkJars(folder: string): void {
  const wanted = new Set(readFileSync(CHECKSUMS, 'utf8').split('\n'))
  const others = readdirSync(folder)
    .map(
      name =>
        `${createHash('sha256')
          .update(readFileSync(join(folder, name)))
          .digest('hex')}  ${name}`,
    )
    .filter(line => !wanted.has(line))
  if (others.length > 0) throw new Error(`jars that ${CHECKSUMS} does not know:\n${others.join('\n')}`)
}
