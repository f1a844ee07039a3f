#!/usr/bin/env bash
# In Node, a listener that was added with `{ signal }` stays, and is called, after its signal was aborted, where another listener with
# a signal was added to the same target meanwhile and garbage was collected: the target remembers only the last of them. It hurts
# servers that have each request listen to one signal for the whole process ("we are stopping") and take the listener away by a
# signal of the request: all that the listener holds is kept, request after request, and no test that is over before the first
# collection sees it. Way around: removeEventListener.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"

machine=$(uname -m | sed 's/x86_64/x64/; s/aarch64/arm64/')
npm install --silent --no-audit --no-fund --prefix "$folder" "node-linux-$machine@24.21.0"
node=$folder/node_modules/node-linux-$machine/bin/node

cat > listeners.mjs <<'JS'
const collects = process.argv[2] === 'collected'
const target = new EventTarget()
const [first, second] = [new AbortController(), new AbortController()]
let calls = 0
target.addEventListener('tide', () => { calls += 1 }, { signal: first.signal })
target.addEventListener('tide', () => {}, { signal: second.signal })
await new Promise(resolve => setTimeout(resolve, 50))
if (collects) globalThis.gc()
first.abort()
target.dispatchEvent(new Event('tide'))
console.log(`${collects ? 'garbage collected in between' : 'nothing collected'}: called ${calls} times after its signal was aborted`)
process.exit(calls === (collects ? 1 : 0) ? 0 : 1)
JS

"$node" --version
"$node" --expose-gc listeners.mjs kept
"$node" --expose-gc listeners.mjs collected
