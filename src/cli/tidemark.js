#!/usr/bin/env node
// The command `tidemark`. Plain JavaScript of an old kind, so that an old Node gets as far as the message below.
import { spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import module from 'node:module'
import { constants } from 'node:os'
import { fileURLToPath } from 'node:url'

const source = new URL('./main.ts', import.meta.url)
const built = new URL('../../dist/cli/main.js', import.meta.url)
const inCheckout = existsSync(source)

const [major, minor] = process.versions.node.split('.').map(Number)
// 22.18 is the first Node that runs TypeScript without a flag. What is built runs in Node 20: what needs more, as a
// broker on a directory does, says so.
const [leastMajor, leastMinor] = inCheckout ? [22, 18] : [20, 11]
const newEnough = major > leastMajor || (major === leastMajor && minor >= leastMinor)

if (newEnough) {
  // Most of what a short command takes is the loading of its modules. Node 20 cannot keep them.
  module.enableCompileCache?.()
  const { main } = await import(inCheckout ? source.href : built.href)
  await main(process.argv.slice(2))
} else {
  const checkoutNode = fileURLToPath(new URL('../../node_modules/.bin/node', import.meta.url))
  if (inCheckout && existsSync(checkoutNode) && !process.env.TIDEMARK_RELAUNCHED) runWith(checkoutNode)
  else {
    console.error(
      `tidemark: this is Node ${process.versions.node}, and this needs ${leastMajor}.${leastMinor} or later.`,
    )
    console.error(
      inCheckout
        ? '  Run `npm ci` in the checkout, which brings a Node 24 along, or install a newer Node.'
        : '  Install a newer Node: https://nodejs.org',
    )
    process.exitCode = 1
  }
}

function runWith(node) {
  const child = spawn(node, process.argv.slice(1), {
    stdio: 'inherit',
    env: { ...process.env, TIDEMARK_RELAUNCHED: '1' },
  })
  // From a terminal the child gets Ctrl-C by itself as well; it takes two signals at once for one.
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => child.kill(signal))
  child.on('error', error => {
    console.error(`tidemark: cannot run ${node}: ${error.message}`)
    process.exitCode = 1
  })
  child.on('exit', (code, signal) => {
    process.exitCode = code ?? 128 + (constants.signals[signal] ?? 0)
  })
}
